/**
 * What a connection may hold of data that came for its streams and was not taken yet. When it is used up, the connection
 * stops reading from its transport, and TCP tells the client to wait: the flow control that works with every client, since
 * Kubernetes' own (moby/spdystream) keeps no windows.
 */
export class InboundBudget {
  readonly #limit: number
  readonly #changed: () => void
  #used = 0

  /** `limit` in bytes; `changed` is called when the budget has become full or is so no longer. */
  constructor(limit: number, changed: () => void) {
    this.#limit = limit
    this.#changed = changed
  }

  get full(): boolean {
    return this.#used >= this.#limit
  }

  get used(): number {
    return this.#used
  }

  add(piece: Uint8Array): void {
    this.#change(costOf(piece))
  }

  remove(piece: Uint8Array): void {
    this.#change(-costOf(piece))
  }

  #change(by: number): void {
    const before = this.full
    this.#used += by
    if (this.full !== before) this.#changed()
  }
}

/** A piece of one byte costs memory too: the object around it. */
function costOf(piece: Uint8Array): number {
  return piece.length + 128
}

import { defaultWindow } from './frames.ts'

/** What was taken from one stream and not yet given back to the peer's window, in bytes. */
export interface Taken {
  bytes: number
}

/**
 * The flow control of SPDY/3.1 for what this side receives: gives what was read back to the peer's windows, in portions of
 * half a window.
 */
export class ReceiveWindows {
  readonly #widen: (streamId: number, bytes: number) => void
  readonly #session: Taken = { bytes: 0 }

  /** @param widen sends a WINDOW_UPDATE; stream 0 is the session */
  constructor(widen: (streamId: number, bytes: number) => void) {
    this.#widen = widen
  }

  /** `stream` only as long as the peer may send more on it. */
  taken(bytes: number, stream?: { readonly id: number; readonly taken: Taken }): void {
    if (stream) this.#count(stream.id, stream.taken, bytes)
    this.#count(0, this.#session, bytes)
  }

  #count(id: number, taken: Taken, bytes: number): void {
    taken.bytes += bytes
    if (taken.bytes < defaultWindow / 2) return
    this.#widen(id, taken.bytes)
    taken.bytes = 0
  }
}

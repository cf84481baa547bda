/** What a piece has at most, in bytes. */
export const pieceSize = 1024 * 1024

/** So many pieces are made before they are used: some take long to use (many small files), others no time. */
const pieces = 8

/** In shared memory before the pieces: {@link Slot}s, then the length of each piece. */
const head = 64
/** Then why there are no more, in bytes. */
const failureSize = 1024

/** `version` changes with every change of the others that one side waits for. */
const Slot = { version: 0, made: 1, used: 2, ended: 3, lengths: 4 } as const
/** Of the slot `ended`: not yet; somebody says why at the moment; yes. */
const Ended = { no: 0, soon: 1, yes: 2 } as const

/** Who waits looks by itself this often, in milliseconds, should a wake-up ever be lost. */
const longestWait = 1000

/** Pieces of bytes that one thread makes and another uses, in order, in shared memory: nothing is copied, nobody sends a message. */
export class PieceRing {
  readonly shared: SharedArrayBuffer
  readonly #slots: Int32Array
  readonly #failure: Buffer
  readonly #rooms: readonly Buffer[]
  /** The user's: a piece has been handed out; the next call gives its room back. */
  #inUse = false
  /** The user's: what it has seen of the others' changes when it last found no piece. */
  #seen = 0

  /** With `shared`, the other side of a ring. */
  constructor(shared = new SharedArrayBuffer(head + failureSize + pieces * pieceSize)) {
    this.shared = shared
    this.#slots = new Int32Array(shared, 0, head / Int32Array.BYTES_PER_ELEMENT)
    this.#failure = Buffer.from(shared, head, failureSize)
    const start = head + failureSize
    this.#rooms = Array.from({ length: pieces }, (_, at) => Buffer.from(shared, start + at * pieceSize, pieceSize))
  }

  /** The maker's: where the next piece is to be written; waits until there is room. */
  async room(): Promise<Buffer> {
    for (;;) {
      const version = this.#load('version')
      const made = this.#load('made')
      if (made - this.#load('used') < pieces) return this.#rooms[made % pieces] as Buffer
      await this.#changed(version)
    }
  }

  /** The maker's: the {@link room} has a piece of that many bytes now. */
  give(bytes: number): void {
    const made = this.#load('made')
    this.#slots[Slot.lengths + (made % pieces)] = bytes
    Atomics.store(this.#slots, Slot.made, made + 1)
    this.#wake()
  }

  /** Nothing more will come; `failure` says why, when that is not the end. Anybody may say so; only the first is heard. */
  end(failure = ''): void {
    if (Atomics.compareExchange(this.#slots, Slot.ended, Ended.no, Ended.soon) !== Ended.no) return
    // What does not fit is left away; the rest is zeros.
    this.#failure.write(failure)
    Atomics.store(this.#slots, Slot.ended, Ended.yes)
    this.#wake()
  }

  /** The user's: the next piece, good until the next call; undefined when there is none yet, or none at all ({@link ended}). */
  now(): Buffer | undefined {
    if (this.#inUse) {
      this.#inUse = false
      Atomics.add(this.#slots, Slot.used, 1)
      this.#wake()
    }
    this.#seen = this.#load('version')
    const used = this.#load('used')
    if (this.#load('made') === used) return undefined
    this.#inUse = true
    const at = used % pieces
    return (this.#rooms[at] as Buffer).subarray(0, this.#slots[Slot.lengths + at])
  }

  /** The user's: there is no piece any more, and nothing more will come. */
  get ended(): boolean {
    return this.#load('ended') === Ended.yes && this.#load('made') === this.#load('used')
  }

  /** Why it {@link ended} before all was made, if it did. */
  get failure(): string | undefined {
    return this.#failure.toString('utf8').replace(/\0+$/, '') || undefined
  }

  /** The user's: resolves when something has changed since {@link now} answered undefined. */
  async change(): Promise<void> {
    await this.#changed(this.#seen)
  }

  #load(slot: keyof typeof Slot): number {
    return Atomics.load(this.#slots, Slot[slot])
  }

  async #changed(version: number): Promise<void> {
    const wait = Atomics.waitAsync(this.#slots, Slot.version, version, longestWait)
    if (wait.async) await wait.value
  }

  #wake(): void {
    Atomics.add(this.#slots, Slot.version, 1)
    Atomics.notify(this.#slots, Slot.version)
  }
}

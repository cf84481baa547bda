import { closeSync, openSync, readSync } from 'node:fs'

/**
 * A file that one thread writes and another reads at the same time: a few numbers in shared memory say how far it is.
 * The bytes go through the page cache and never through a message, and a reader that comes late reads from the start.
 */
export interface GrowingFile {
  readonly path: string
  /** Of {@link Slot}s. */
  readonly shared: SharedArrayBuffer
}

/** `version` changes with every change of the others that the reader waits for. */
const Slot = { version: 0, available: 1, state: 2, consumed: 3 } as const
const State = { growing: 0n, complete: 1n, abandoned: 2n } as const

/** The writer's side. */
export class GrowingFileWriter {
  readonly file: GrowingFile
  readonly #slots: BigInt64Array

  /** With `shared`, the writer's side of a file that another thread has begun. */
  constructor(path: string, shared = new SharedArrayBuffer(4 * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.file = { path, shared }
    this.#slots = new BigInt64Array(shared)
  }

  /** The first `bytes` of the file are there to be read. */
  advance(bytes: number): void {
    Atomics.store(this.#slots, Slot.available, BigInt(bytes))
    this.#wake()
  }

  /** Nothing more will come. */
  complete(): void {
    Atomics.compareExchange(this.#slots, Slot.state, State.growing, State.complete)
    this.#wake()
  }

  /** The reader shall give up, wherever it is. */
  abandon(): void {
    Atomics.store(this.#slots, Slot.state, State.abandoned)
    this.#wake()
  }

  /** How far the writer is, in bytes. */
  get available(): number {
    return Number(Atomics.load(this.#slots, Slot.available))
  }

  /** How far the reader is, in bytes. */
  get consumed(): number {
    return Number(Atomics.load(this.#slots, Slot.consumed))
  }

  #wake(): void {
    Atomics.add(this.#slots, Slot.version, 1n)
    Atomics.notify(this.#slots, Slot.version)
  }
}

/** The reader's side of {@link GrowingFileWriter.abandon}: whoever reads shall give up. */
export function abandonReading({ shared }: GrowingFile): void {
  const slots = new BigInt64Array(shared)
  Atomics.store(slots, Slot.state, State.abandoned)
  Atomics.add(slots, Slot.version, 1n)
  Atomics.notify(slots, Slot.version)
}

/** The writer gave up. */
export class AbandonedError extends Error {
  override readonly name = 'AbandonedError'

  constructor() {
    super('the layer is not wanted any more')
  }
}

/** What is read at once, at most, in bytes. */
const chunkSize = 512 * 1024

/** The reader's side: every byte from the start. */
export class GrowingFileReader {
  readonly #file: GrowingFile
  readonly #slots: BigInt64Array
  readonly #counts: boolean
  readonly #longestWaitMs: number
  readonly #chunk = Buffer.allocUnsafeSlow(chunkSize)
  /** Opened when there is something to read: before that the file may not exist yet. */
  #fd: number | undefined
  #at = 0

  /**
   * `counts`: it is this one's progress that the writer sees, if there are several. `longestWaitMs`: it looks by itself this
   * often, should a wake-up ever be lost. To be closed.
   */
  constructor(file: GrowingFile, { counts = true, longestWaitMs = 1000 } = {}) {
    this.#file = file
    this.#slots = new BigInt64Array(file.shared)
    this.#counts = counts
    this.#longestWaitMs = longestWaitMs
  }

  /** What is there by now, good until the next call; undefined when there is no more yet, or at all. Throws an {@link AbandonedError}. */
  now(): Buffer | undefined {
    if (this.#counts) Atomics.store(this.#slots, Slot.consumed, BigInt(this.#at))
    const available = Number(Atomics.load(this.#slots, Slot.available))
    if (Atomics.load(this.#slots, Slot.state) === State.abandoned) throw new AbandonedError()
    if (available === this.#at) return undefined
    this.#fd ??= openSync(this.#file.path, 'r')
    const count = readSync(this.#fd, this.#chunk, 0, Math.min(chunkSize, available - this.#at), this.#at)
    if (count === 0) throw new Error(`${this.#file.path} is shorter than its writer said`)
    this.#at += count
    return this.#chunk.subarray(0, count)
  }

  /** What comes next, good until the next call; undefined at the end. Throws an {@link AbandonedError}. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const version = Atomics.load(this.#slots, Slot.version)
      const complete = Atomics.load(this.#slots, Slot.state) === State.complete
      const chunk = this.now()
      if (chunk || complete) return chunk
      const wait = Atomics.waitAsync(this.#slots, Slot.version, version, this.#longestWaitMs)
      if (wait.async) await wait.value
    }
  }

  /** Safe to call again. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

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

/** The reader looks by itself this often, in milliseconds, should a wake-up ever be lost. */
const longestWait = 1000

/**
 * The reader's side: every byte from the start, each piece good until the next is asked for. Throws {@link AbandonedError}
 * when the writer gives up.
 */
export async function* readGrowingFile(file: GrowingFile, chunkSize = 512 * 1024): AsyncGenerator<Buffer> {
  const slots = new BigInt64Array(file.shared)
  // Opened when there is something to read: before that the file may not exist yet.
  let fd: number | undefined
  let at = 0
  const chunk = Buffer.allocUnsafeSlow(chunkSize)
  try {
    for (;;) {
      const version = Atomics.load(slots, Slot.version)
      const state = Atomics.load(slots, Slot.state)
      const available = Atomics.load(slots, Slot.available)
      if (state === State.abandoned) throw new AbandonedError()
      if (Number(available) > at) {
        fd ??= openSync(file.path, 'r')
        const count = readSync(fd, chunk, 0, Math.min(chunkSize, Number(available) - at), at)
        if (count === 0) throw new Error(`${file.path} is shorter than its writer said`)
        at += count
        yield chunk.subarray(0, count)
        Atomics.store(slots, Slot.consumed, BigInt(at))
      } else if (state === State.complete) {
        return
      } else {
        const wait = Atomics.waitAsync(slots, Slot.version, version, longestWait)
        if (wait.async) await wait.value
      }
    }
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/**
 * Hands bytes from one thread to another through shared memory: slots that the writer fills in turn and the reader empties.
 * Nothing is copied on the way and nothing is allocated; a full ring makes the writer wait, an empty one the reader.
 */
export interface ChunkRing {
  /** Of {@link Count}s, then the length of each slot. */
  readonly counts: SharedArrayBuffer
  readonly slots: SharedArrayBuffer
}

const slotCount = 8
/** Bytes. */
export const slotSize = 256 * 1024

/** `written` and `read` count slots; `ended`: no more will come; `unwanted`: the reader takes no more. */
const Count = { written: 0, read: 1, ended: 2, unwanted: 3, lengths: 4 } as const

/** A wait looks by itself this often, in milliseconds, should a wake-up ever be lost. */
const longestWait = 1000

export function createChunkRing(): ChunkRing {
  return {
    counts: new SharedArrayBuffer((Count.lengths + slotCount) * Int32Array.BYTES_PER_ELEMENT),
    slots: new SharedArrayBuffer(slotCount * slotSize),
  }
}

/** The reader takes no more. */
export class UnwantedError extends Error {
  override readonly name = 'UnwantedError'
}

/** The side that fills. */
export class ChunkRingWriter {
  readonly #counts: Int32Array
  readonly #slots: Buffer

  constructor({ counts, slots }: ChunkRing) {
    this.#counts = new Int32Array(counts)
    this.#slots = Buffer.from(slots)
  }

  /**
   * A free slot to be filled and then handed over by {@link commit}; with `ahead`, one that comes so many after it. Throws
   * {@link UnwantedError}.
   */
  async slot(ahead = 0): Promise<Buffer> {
    const counts = this.#counts
    for (;;) {
      if (Atomics.load(counts, Count.unwanted) !== 0) throw new UnwantedError()
      const read = Atomics.load(counts, Count.read)
      const written = Atomics.load(counts, Count.written) + ahead
      if (written - read < slotCount) {
        const at = (written % slotCount) * slotSize
        return this.#slots.subarray(at, at + slotSize)
      }
      const wait = Atomics.waitAsync(counts, Count.read, read, longestWait)
      if (wait.async) await wait.value
    }
  }

  /** The slot last given holds `length` bytes now. */
  commit(length: number): void {
    const written = Atomics.load(this.#counts, Count.written)
    Atomics.store(this.#counts, Count.lengths + (written % slotCount), length)
    Atomics.store(this.#counts, Count.written, written + 1)
    Atomics.notify(this.#counts, Count.written)
  }

  /** Hands over a copy of the bytes. Throws {@link UnwantedError}. */
  async write(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const count = chunk.copy(await this.slot(), 0, at)
      this.commit(count)
      at += count
    }
  }

  /** No more will come. */
  end(): void {
    endRing(this.#counts)
  }
}

/** The side that empties. */
export class ChunkRingReader {
  readonly #counts: Int32Array
  readonly #slots: Buffer

  constructor({ counts, slots }: ChunkRing) {
    this.#counts = new Int32Array(counts)
    this.#slots = Buffer.from(slots)
  }

  /** What comes next, to be used before {@link release}; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    const counts = this.#counts
    for (;;) {
      const written = Atomics.load(counts, Count.written)
      const read = Atomics.load(counts, Count.read)
      if (written > read) {
        const at = (read % slotCount) * slotSize
        return this.#slots.subarray(at, at + Atomics.load(counts, Count.lengths + (read % slotCount)))
      }
      if (Atomics.load(counts, Count.ended) !== 0) {
        if (Atomics.load(counts, Count.written) > read) continue
        return undefined
      }
      const wait = Atomics.waitAsync(counts, Count.written, written, longestWait)
      if (wait.async) await wait.value
    }
  }

  /** The writer may use the slot last read again. */
  release(): void {
    Atomics.add(this.#counts, Count.read, 1)
    Atomics.notify(this.#counts, Count.read)
  }

  /** The reader takes no more: the writer's next call throws. */
  refuse(): void {
    Atomics.store(this.#counts, Count.unwanted, 1)
    Atomics.notify(this.#counts, Count.read)
  }

  /** The writer will not write any more, whatever it promised: it has failed. */
  end(): void {
    endRing(this.#counts)
  }
}

function endRing(counts: Int32Array): void {
  Atomics.store(counts, Count.ended, 1)
  Atomics.notify(counts, Count.written)
}

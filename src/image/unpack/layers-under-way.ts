import { availableParallelism } from 'node:os'

/** Threads of libuv's pool (UV_THREADPOOL_SIZE is not set), shared by all layers. */
const poolThreads = 4

/**
 * How many layers are being unpacked by all threads of this process, in shared memory. A layer by itself is worked on by
 * several threads; when there are as many layers as CPUs, each is faster on one: nothing goes from CPU to CPU.
 */
export class LayersUnderWay {
  readonly shared: SharedArrayBuffer
  readonly #count: Int32Array
  readonly #cpus: number

  constructor(shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT), cpus = availableParallelism()) {
    this.shared = shared
    this.#count = new Int32Array(shared)
    this.#cpus = cpus
  }

  begin(): void {
    Atomics.add(this.#count, 0, 1)
  }

  end(): void {
    Atomics.sub(this.#count, 0, 1)
  }

  /** Whether a layer's blob is better decompressed and hashed on another thread than the one that writes its files. */
  get leaveCpus(): boolean {
    return Atomics.load(this.#count, 0) < this.#cpus
  }

  /** Whether also its tar is better hashed on another thread. */
  get leaveManyCpus(): boolean {
    return 2 * Atomics.load(this.#count, 0) <= Math.min(this.#cpus, poolThreads)
  }
}

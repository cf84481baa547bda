import { availableParallelism } from 'node:os'

/**
 * How many layers are being unpacked by all threads of this process, in shared memory. A layer by itself is worked on by
 * two threads; when there are as many layers as CPUs, each is faster on one: nothing goes from CPU to CPU.
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

  /** Whether there are more CPUs than layers, so that one could have a second thread. */
  get leaveCpus(): boolean {
    return Atomics.load(this.#count, 0) < this.#cpus
  }
}

import { Worker } from 'node:worker_threads'
import { workerFile } from '../../lib/worker-file.ts'
import type { GrowingFile } from './growing-file.ts'
import { PieceRing } from './piece-ring.ts'

const program = workerFile('inflate-worker', import.meta.url)

/** MiB. What is large there is outside of the heap. */
const workerLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 64 }

/** What the thread gets, once. */
export interface InflateTask {
  readonly blob: GrowingFile
  /** Of a {@link PieceRing}, whose maker the thread is. */
  readonly ring: SharedArrayBuffer
}

/** A thread that decompresses one layer while its blob is being downloaded, and ends. */
export class InflateThread {
  /** Of the {@link PieceRing} that it fills. It ends with a failure when the thread fails. */
  readonly ring: SharedArrayBuffer
  readonly #worker: Worker

  constructor(blob: GrowingFile) {
    const ring = new PieceRing()
    this.ring = ring.shared
    this.#worker = new Worker(program, {
      name: 'berth-inflate',
      env: {},
      execArgv: [],
      trackUnmanagedFds: false,
      resourceLimits: workerLimits,
    })
    this.#worker.once('error', (error) => ring.end(`the thread that decompresses has failed: ${String(error)}`))
    this.#worker.once('exit', () => ring.end('the thread that decompresses has ended'))
    const task: InflateTask = { blob, ring: ring.shared }
    this.#worker.postMessage(task)
  }

  /** Ends it, wherever it is. */
  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}

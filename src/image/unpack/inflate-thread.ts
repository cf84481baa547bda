import { Worker } from 'node:worker_threads'
import type { GrowingFile } from './growing-file.ts'
import type { HashedBlob } from './hashed-blob.ts'
import { PieceRing } from './piece-ring.ts'

/** Beside this file when run from source; beside the bundle, as its own file, in a release. */
const workerFile = new URL(
  import.meta.url.endsWith('.ts') ? './inflate-worker.ts' : './inflate-worker.js',
  import.meta.url,
)

/** MiB. What is large there is outside of the heap. */
const workerLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 64 }

/** What the thread gets, once. */
export interface InflateTask {
  readonly blob: GrowingFile
  /** Of a {@link PieceRing}, whose maker the thread is. */
  readonly ring: SharedArrayBuffer
}

/** What the thread answers when it has made all pieces, or cannot. */
export interface InflateResult {
  readonly failure?: string
}

/**
 * The pieces of a layer, decompressed by a thread of its own; each is good until the next is asked for. The blob is hashed
 * here, when there is nothing else to do. Throws when it cannot be decompressed, and what {@link HashedBlob.now} throws.
 */
export async function* inflatedByThread(file: GrowingFile, blob: HashedBlob): AsyncGenerator<Buffer> {
  const ring = new PieceRing()
  const worker = new Worker(workerFile, {
    name: 'berth-inflate',
    env: {},
    execArgv: [],
    trackUnmanagedFds: false,
    resourceLimits: workerLimits,
  })
  const { promise: result, resolve, reject } = Promise.withResolvers<InflateResult>()
  worker.once('message', resolve)
  worker.once('error', reject)
  // After its answer this changes nothing.
  worker.once('exit', () => reject(new Error('the thread that decompresses the layer has ended')))
  // It is met when there are no more pieces.
  result.catch(() => ring.end())
  const task: InflateTask = { blob: file, ring: ring.shared }
  worker.postMessage(task)
  try {
    for (;;) {
      const piece = ring.now()
      if (piece) yield piece
      else if (ring.ended) break
      else if (!blob.now()) await ring.change()
    }
    const { failure } = await result
    if (failure === undefined) return
    // The thread may have been the first to see that the layer is not wanted any more.
    blob.now()
    throw new Error(failure)
  } finally {
    await worker.terminate()
  }
}

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { failedPrecondition } from '../../lib/errors.ts'
import { workerFile } from '../../lib/worker-file.ts'
import { returnFreeMemory } from '../../linux/allocator.ts'
import type { SavePlan } from './archive.ts'

export type SaveAnswer = { readonly piece: Uint8Array } | { readonly done: true } | { readonly error: string }

const program = workerFile('save-worker', import.meta.url)

/**
 * The archive of an image in pieces, made in a thread of its own that keeps one piece ahead. Ends the thread when nobody asks
 * any more. Throws `failed-precondition` when a layer is not what it was, and errors of reading.
 */
export async function* savedArchive(plan: SavePlan): AsyncGenerator<Uint8Array> {
  const worker = new Worker(program, {
    name: 'berth-save',
    workerData: plan,
    env: {},
    execArgv: [],
    trackUnmanagedFds: false,
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 256 },
  })
  // Rejects when the thread dies.
  const ask = async () => {
    const coming = once(worker, 'message') as Promise<[SaveAnswer]>
    worker.postMessage('next')
    return (await coming)[0]
  }
  try {
    let coming = ask()
    for (;;) {
      const answer = await coming
      if ('error' in answer) throw failedPrecondition(answer.error)
      if ('done' in answer) return
      coming = ask()
      coming.catch(() => {})
      yield answer.piece
    }
  } finally {
    await worker.terminate()
    returnFreeMemory()
  }
}

import { Worker } from 'node:worker_threads'
import type { FeedResult, FeedTask } from './feed-layer.ts'

/**
 * The thread at the side of an unpack worker that reads, hashes and decompresses, while the worker writes files. It works
 * on one layer after the other, and ends with the worker.
 */
export class FeedThread {
  readonly #file: URL
  #worker: Worker | undefined

  /** `file` is the worker's own program: it starts as a feeder when its `workerData` is `feed`. */
  constructor(file: URL) {
    this.#file = file
  }

  /** As {@link feedLayer}, over there. Rejects also when the thread has died. */
  run(task: FeedTask): Promise<FeedResult> {
    const worker = this.#start()
    const { promise, resolve, reject } = Promise.withResolvers<FeedResult>()
    const onMessage = (message: { result: FeedResult } | { error: string }) => {
      worker.off('error', onError).off('exit', onExit)
      if ('result' in message) resolve(message.result)
      else reject(new Error(message.error))
    }
    const onError = (error: unknown) => {
      worker.off('message', onMessage).off('exit', onExit)
      this.#worker = undefined
      reject(new Error('the thread that reads layers has failed', { cause: error }))
    }
    const onExit = () => {
      worker.off('message', onMessage).off('error', onError)
      this.#worker = undefined
      reject(new Error('the thread that reads layers has ended'))
    }
    worker.once('message', onMessage).once('error', onError).once('exit', onExit)
    worker.postMessage(task)
    return promise
  }

  #start(): Worker {
    this.#worker ??= new Worker(this.#file, {
      name: 'berth-feed',
      workerData: 'feed',
      env: {},
      execArgv: [],
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 64 },
    })
    return this.#worker
  }
}

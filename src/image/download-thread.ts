import { Worker } from 'node:worker_threads'
import { BerthError, type ErrorCode, internal } from '../lib/errors.ts'
import { workerFile } from '../lib/worker-file.ts'
import { returnFreeMemory } from '../linux/allocator.ts'
import type { Descriptor } from './manifest.ts'
import type { ClientDescription } from './registry/registry-client.ts'
import type { RetryPolicy } from './registry/retry.ts'
import type { TransportTimeouts } from './registry/transport.ts'
import type { GrowingFile } from './unpack/growing-file.ts'

export interface DownloadTask {
  readonly client: ClientDescription
  readonly timeouts: TransportTimeouts
  readonly blob: Descriptor
  readonly file: GrowingFile
  readonly retry: RetryPolicy
}

/** A task, or without one: that of this id shall end. */
export type DownloadMessage = { readonly id: number; readonly task: DownloadTask } | { readonly id: number }

export type DownloadAnswer =
  | { readonly id: number; readonly resumedFrom: number }
  | {
      readonly id: number
      readonly error: { readonly message: string; readonly berth?: ErrorCode; readonly errno?: string }
    }

interface Pending {
  readonly resolve: (resumedFrom: number) => void
  readonly reject: (error: Error) => void
}

const program = workerFile('download-worker', import.meta.url)

/** Without work the thread stays for this many milliseconds. */
const idleTime = 3000

/** Downloads layers in a thread of their own, so that no byte of one comes near the heap and the event loop of berthd. */
export class DownloadThread {
  readonly #pending = new Map<number, Pending>()
  #worker: Worker | undefined
  #idle: NodeJS.Timeout | undefined
  #next = 1

  /**
   * Downloads a blob to its file, as `downloadBlob` describes it; answers how many bytes were there before. Rejects with
   * the reason of the signal when that aborts. Nobody writes to the file any more when it settles.
   */
  async run(task: DownloadTask, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    const id = this.#next++
    const worker = this.#start()
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#pending.set(id, { resolve, reject })
    worker.postMessage({ id, task } satisfies DownloadMessage)
    const onAbort = () => worker.postMessage({ id } satisfies DownloadMessage)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      return await promise
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#pending.delete(id)
      if (this.#pending.size === 0) this.#rest()
    }
  }

  /** Ends the thread; what it was doing rejects. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    await this.#worker?.terminate()
  }

  #start(): Worker {
    clearTimeout(this.#idle)
    if (this.#worker) {
      this.#worker.ref()
      return this.#worker
    }
    const worker = new Worker(program, {
      name: 'berth-download',
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 256 },
    })
    worker.on('message', (answer: DownloadAnswer) => {
      const pending = this.#pending.get(answer.id)
      if ('error' in answer) pending?.reject(errorOf(answer.error))
      else pending?.resolve(answer.resumedFrom)
    })
    const onEnd = (error: unknown) => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      const failure = internal('the thread that downloads layers has ended', error instanceof Error ? error : undefined)
      for (const { reject } of this.#pending.values()) reject(failure)
    }
    worker.once('error', onEnd).once('exit', onEnd)
    this.#worker = worker
    return worker
  }

  #rest(): void {
    const worker = this.#worker
    if (!worker) return
    worker.unref()
    const end = () => {
      this.#worker = undefined
      void worker.terminate().then(returnFreeMemory)
    }
    this.#idle = setTimeout(end, idleTime).unref()
  }
}

function errorOf({ message, berth, errno }: Extract<DownloadAnswer, { error: object }>['error']): Error {
  if (berth !== undefined) return new BerthError(berth, message)
  return Object.assign(new Error(message), errno === undefined ? {} : { code: errno })
}

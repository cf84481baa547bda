import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { internal, operationFailed } from '../../lib/errors.ts'
import { faultEnvironment } from '../../lib/fault-point.ts'
import { workerFile } from '../../lib/worker-file.ts'
import { returnFreeMemory } from '../../linux/allocator.ts'
import { InflateThread } from './inflate-thread.ts'
import type { UnpackResult, UnpackTask } from './unpack-layer.ts'
import type { UnpackRequest } from './unpack-worker.ts'

const program = workerFile('unpack-worker', import.meta.url)

/** An idle worker is kept for this many milliseconds: a pull has many layers, but memory is dear between pulls. */
const idleTime = 3000

/**
 * A worker's heap, in MiB: garbage is short-lived, and what grows is the folders of the layer. One that is too large for it
 * ends the worker, and with it the pull, but not berthd.
 */
const workerLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 1024 }

/** A blob of so many bytes is worth a thread that decompresses it: starting one takes as long as decompressing 10 MB. */
const worthAThread = 32 * 1024 * 1024

interface Waiting {
  readonly task: UnpackTask
  readonly resolve: (result: UnpackResult) => void
  readonly reject: (error: Error) => void
}

/** Worker threads that unpack layers, at most `size` at a time; they come when needed and go when idle. */
export class UnpackPool {
  readonly #size: number
  readonly #queue: Waiting[] = []
  readonly #workers = new Set<Worker>()
  readonly #cpus: number
  #underWay = 0
  #dispatching = false
  readonly #idle = new Map<Worker, NodeJS.Timeout>()
  #closed = false

  constructor(size: number, cpus = availableParallelism()) {
    this.#size = size
    this.#cpus = cpus
  }

  /**
   * Unpacks a layer. To give up, abandon the task's file: it then rejects soon. Rejects with `internal` when the worker
   * died, for instance of memory.
   */
  run(task: UnpackTask): Promise<UnpackResult> {
    if (this.#closed) return Promise.reject(internal('the image store is closed'))
    const { promise, resolve, reject } = Promise.withResolvers<UnpackResult>()
    this.#queue.push({ task, resolve, reject })
    if (!this.#dispatching) {
      this.#dispatching = true
      // By then it is known which other layers of the image are to be unpacked.
      setImmediate(() => {
        this.#dispatching = false
        this.#dispatch()
      })
    }
    return promise
  }

  /** Ends the workers; what they were doing rejects. */
  async close(): Promise<void> {
    this.#closed = true
    for (const { reject } of this.#queue.splice(0)) reject(internal('the image store is closed'))
    for (const timer of this.#idle.values()) clearTimeout(timer)
    this.#idle.clear()
    await Promise.all([...this.#workers].map((worker) => worker.terminate()))
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const idle = this.#takeIdle()
      if (!idle && this.#workers.size >= this.#size) return
      const next = this.#queue.shift() as Waiting
      try {
        this.#give(idle ?? this.#start(), next)
      } catch (error) {
        const hint = 'does a limit of processes or memory forbid it?'
        next.reject(internal(`no thread can be started to unpack a layer; ${hint}`, error))
      }
    }
  }

  #takeIdle(): Worker | undefined {
    for (const [worker, timer] of this.#idle) {
      clearTimeout(timer)
      this.#idle.delete(worker)
      worker.ref()
      return worker
    }
    return undefined
  }

  #start(): Worker {
    const worker = new Worker(program, {
      name: 'berth-unpack',
      env: faultEnvironment(),
      execArgv: [],
      trackUnmanagedFds: false,
      resourceLimits: workerLimits,
    })
    this.#workers.add(worker)
    worker.once('exit', () => {
      clearTimeout(this.#idle.get(worker))
      this.#idle.delete(worker)
      this.#workers.delete(worker)
      if (this.#workers.size === 0) returnFreeMemory()
      if (!this.#closed) this.#dispatch()
    })
    return worker
  }

  #give(worker: Worker, { task, resolve, reject }: Waiting): void {
    const inflater = this.#inflaterFor(task)
    this.#underWay++
    const done = () => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit)
      this.#underWay--
      void inflater?.stop()
    }
    const onMessage = (message: { result: UnpackResult } | { error: string }) => {
      done()
      this.#rest(worker)
      if ('result' in message) resolve(message.result)
      else reject(operationFailed(message.error))
    }
    const onError = (error: unknown) => {
      done()
      reject(internal('the worker that unpacks layers has failed', error))
    }
    const onExit = () => {
      done()
      reject(internal('the worker that unpacks layers has ended'))
    }
    worker.once('message', onMessage).once('error', onError).once('exit', onExit)
    const request: UnpackRequest = { task, ...(inflater && { ring: inflater.ring }) }
    worker.postMessage(request)
  }

  /**
   * A large layer is decompressed by a thread of its own while there are more CPUs than layers. When there are not, each layer is
   * faster on one thread: nothing goes from CPU to CPU.
   */
  #inflaterFor(task: UnpackTask): InflateThread | undefined {
    if ('path' in task || task.expectedBytes < worthAThread) return undefined
    if (this.#underWay + 1 + this.#queue.length >= this.#cpus) return undefined
    try {
      return new InflateThread(task.blob)
    } catch {
      // There may be no more threads: one is enough.
      return undefined
    }
  }

  #rest(worker: Worker): void {
    worker.unref()
    const end = () => {
      this.#idle.delete(worker)
      void worker.terminate()
    }
    this.#idle.set(worker, setTimeout(end, idleTime).unref())
    this.#dispatch()
  }
}

import { cancelled } from '../lib/errors.ts'

interface Work<T> {
  readonly promise: Promise<T>
  readonly controller: AbortController
  clients: number
}

/**
 * Work that several clients may want at the same time: it is done once, and everybody gets its result. A client that goes
 * only leaves; when the last has gone the work is aborted.
 */
export class SharedWork<T> {
  readonly #works = new Map<string, Work<T>>()

  /** Joins the work of `key`, or starts it. Rejects with `cancelled` when `signal` aborts before it is done. */
  async join(key: string, start: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) throw cancelled('the client has gone', signal.reason)
    const work = this.#works.get(key) ?? this.#start(key, start)
    work.clients++
    const gone = Promise.withResolvers<never>()
    const onAbort = () => gone.reject(cancelled('the client has gone', signal?.reason))
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([work.promise, gone.promise])
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (--work.clients === 0) {
        // Whoever comes now shall not join what is being broken off.
        if (this.#works.get(key) === work) this.#works.delete(key)
        work.controller.abort(cancelled('every client that waited for it has gone'))
      }
    }
  }

  /** Aborts everything, and waits until it has ended. */
  async close(reason: Error): Promise<void> {
    const works = [...this.#works.values()]
    for (const { controller } of works) controller.abort(reason)
    await Promise.allSettled(works.map(({ promise }) => promise))
  }

  #start(key: string, start: (signal: AbortSignal) => Promise<T>): Work<T> {
    const controller = new AbortController()
    const work: Work<T> = { promise: start(controller.signal), controller, clients: 0 }
    this.#works.set(key, work)
    const forget = () => {
      if (this.#works.get(key) === work) this.#works.delete(key)
    }
    work.promise.then(forget, forget)
    return work
  }
}

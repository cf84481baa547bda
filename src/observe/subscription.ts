import { BerthError } from '../lib/errors.ts'

/** A queue with an end: one side pushes without waiting, the other takes at its own pace. */
export class Subscription<T extends object> implements AsyncIterable<T> {
  readonly #limit: number
  readonly #queue: T[] = []
  readonly #ended = Promise.withResolvers<void>()
  #wake: (() => void) | undefined
  #over = false
  #behind = false

  /** @param limit how many items may wait; one more, and the subscription ends with an error */
  constructor(limit: number, signal: AbortSignal) {
    this.#limit = limit
    if (signal.aborted) this.#end()
    else signal.addEventListener('abort', () => this.#end(), { once: true })
  }

  /** Resolves when nothing more will be taken. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  push(item: T): void {
    if (this.#over) return
    if (this.#queue.length >= this.#limit) {
      this.#behind = true
      this.#end()
      return
    }
    this.#queue.push(item)
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      while (!this.#over) {
        const item = this.#queue.shift()
        if (item) yield item
        else await new Promise<void>((resolve) => (this.#wake = resolve))
      }
      if (this.#behind) throw fellBehind(this.#limit)
    } finally {
      this.#end()
    }
  }

  #end(): void {
    this.#over = true
    this.#ended.resolve()
    this.#wake?.()
  }
}

const fellBehind = (limit: number) =>
  new BerthError('resource-exhausted', `the subscriber is ${limit} events behind; list everything, and subscribe again`)

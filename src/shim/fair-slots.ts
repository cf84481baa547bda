/**
 * Lets so many tasks run at a time, and so many of the same key. Those that wait get their turns by key, one of each in turn:
 * a key with many tasks, or with tasks that hang, does not hold up the others.
 */
export class FairSlots {
  readonly #limit: number
  readonly #limitPerKey: number
  readonly #waiting = new Map<string, (() => void)[]>()
  readonly #running = new Map<string, number>()
  #total = 0

  constructor(limit: number, limitPerKey = limit) {
    this.#limit = limit
    this.#limitPerKey = limitPerKey
  }

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    if (this.#total < this.#limit && this.#hasRoom(key)) this.#take(key)
    else {
      const turn = Promise.withResolvers<void>()
      const queue = this.#waiting.get(key)
      if (queue) queue.push(turn.resolve)
      else this.#waiting.set(key, [turn.resolve])
      // Whoever gives the turn takes the slot for it.
      await turn.promise
    }
    try {
      return await task()
    } finally {
      this.#free(key)
      this.#next()
    }
  }

  #hasRoom(key: string): boolean {
    return (this.#running.get(key) ?? 0) < this.#limitPerKey
  }

  #take(key: string): void {
    this.#total++
    this.#running.set(key, (this.#running.get(key) ?? 0) + 1)
  }

  #free(key: string): void {
    this.#total--
    const others = (this.#running.get(key) ?? 1) - 1
    if (others > 0) this.#running.set(key, others)
    else this.#running.delete(key)
  }

  /** One slot is free: at most one that waits can have it. */
  #next(): void {
    for (const [key, queue] of this.#waiting) {
      if (!this.#hasRoom(key)) continue
      const turn = queue.shift()
      // At the end of the order: the other keys come first now.
      this.#waiting.delete(key)
      if (queue.length > 0) this.#waiting.set(key, queue)
      this.#take(key)
      turn?.()
      return
    }
  }
}

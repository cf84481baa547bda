/**
 * Lets so many tasks run at a time. Those that wait get their turns by key, one of each in turn: a key with many tasks does
 * not hold up the others.
 */
export class FairSlots {
  readonly #limit: number
  readonly #waiting = new Map<string, (() => void)[]>()
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) {
      const turn = Promise.withResolvers<void>()
      const queue = this.#waiting.get(key)
      if (queue) queue.push(turn.resolve)
      else this.#waiting.set(key, [turn.resolve])
      // Whoever gives the turn leaves its slot taken.
      await turn.promise
    } else this.#running++
    try {
      return await task()
    } finally {
      this.#next()
    }
  }

  #next(): void {
    const [first] = this.#waiting
    if (!first) {
      this.#running--
      return
    }
    const [key, queue] = first
    const turn = queue.shift()
    // At the end of the order: the other keys come first now.
    this.#waiting.delete(key)
    if (queue.length > 0) this.#waiting.set(key, queue)
    turn?.()
  }
}

/** Tells once when nothing has happened for a time. Cheap to touch; does not keep the process alive. */
export class IdleTimer {
  readonly #limitMs: number
  readonly #expired: () => void
  #timer: NodeJS.Timeout
  #touched = performance.now()

  constructor(limitMs: number, expired: () => void) {
    this.#limitMs = limitMs
    this.#expired = expired
    this.#timer = this.#wait(limitMs)
  }

  touch(): void {
    this.#touched = performance.now()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #wait(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      const left = this.#touched + this.#limitMs - performance.now()
      if (left <= 0) this.#expired()
      else this.#timer = this.#wait(left)
    }, ms).unref()
  }
}

import { unavailable } from '../lib/errors.ts'

/** Lets calls in until berthd is to end; then those under way are waited for, and others are refused. */
export class CallGate {
  readonly #closed = new AbortController()
  readonly #idle = Promise.withResolvers<void>()
  #underWay = 0

  /** Fires when the gate closes: what goes on for ever ends. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** To be disposed of when the call has its answer. Throws unavailable when the gate is closed. */
  enter(): Disposable {
    this.refuseIfClosed()
    this.#underWay++
    return {
      [Symbol.dispose]: () => {
        if (--this.#underWay === 0 && this.#closed.signal.aborted) this.#idle.resolve()
      },
    }
  }

  refuseIfClosed(): void {
    if (this.#closed.signal.aborted) throw unavailable('berthd is stopping; ask the next one')
  }

  /** Lets nobody in any more, and waits at most `patienceMs` for those who are. Answers how many are left. */
  async close(patienceMs: number): Promise<number> {
    this.#closed.abort()
    if (this.#underWay > 0) {
      const late = setTimeout(this.#idle.resolve, patienceMs)
      await this.#idle.promise
      clearTimeout(late)
    }
    return this.#underWay
  }
}

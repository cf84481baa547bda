import { now } from '../../client/testing/fake-runtime.ts'
import type { Time } from '../time.ts'

/** A clock that stands still until it is moved. */
export class FakeTime implements Time {
  #now = now
  readonly #waits = new Set<{ readonly at: number; readonly resolve: () => void }>()

  now(): number {
    return this.#now
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted || ms <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const wait = { at: this.#now + ms, resolve: () => end() }
      const end = () => {
        this.#waits.delete(wait)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      this.#waits.add(wait)
      signal?.addEventListener('abort', end, { once: true })
    })
  }

  /** Whether somebody waits for so long from now. */
  isAwaited(ms: number): boolean {
    return Array.from(this.#waits).some(({ at }) => at === this.#now + ms)
  }

  /** Moves the clock on; who waited long enough goes on. */
  advance(ms: number): void {
    this.#now += ms
    for (const wait of [...this.#waits]) if (wait.at <= this.#now) wait.resolve()
  }
}

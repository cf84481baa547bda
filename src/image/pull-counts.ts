import { Histogram } from '../lib/tally.ts'
import type { PullProgress } from './progress.ts'

/** Seconds. */
const bounds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** The pulls since berthd started. */
export class PullCounts {
  /** How long those took that have ended, in seconds, by `result`: `succeeded` or `failed`. */
  readonly durations = new Histogram(bounds, 'result')
  /** What each pull under way has fetched when somebody looked last. */
  readonly #underWay = new Map<() => PullProgress, number>()
  #bytesOfEnded = 0

  /** A pull begins: `progress` is asked how far it is until it has ended, which is when what this answers is disposed of. */
  begin(progress: () => PullProgress): Disposable {
    this.#underWay.set(progress, 0)
    return {
      [Symbol.dispose]: () => {
        const { stage, startedAtMs } = progress()
        this.durations.observe([stage === 'failed' ? 'failed' : 'succeeded'], (Date.now() - startedAtMs) / 1000)
        this.#bytesOfEnded += this.#bytesOf(progress)
        this.#underWay.delete(progress)
      },
    }
  }

  /** What they have fetched of layers up to now, compressed; it never falls. */
  get bytes(): number {
    return [...this.#underWay.keys()].reduce((sum, progress) => sum + this.#bytesOf(progress), this.#bytesOfEnded)
  }

  #bytesOf(progress: () => PullProgress): number {
    const fetched = progress()
      .layers.filter(({ stage }) => stage !== 'present')
      .reduce((sum, { downloadedBytes }) => sum + downloadedBytes, 0)
    // A layer whose first part was damaged begins anew.
    const bytes = Math.max(fetched, this.#underWay.get(progress) ?? 0)
    this.#underWay.set(progress, bytes)
    return bytes
  }
}

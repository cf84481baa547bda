import { Histogram } from '../lib/tally.ts'
import type { PullProgress } from './progress.ts'

/** Seconds. */
const bounds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** The pulls that have ended since berthd started. */
export class PullCounts {
  /** In seconds, by `result`: `succeeded` or `failed`. */
  readonly durations = new Histogram(bounds, 'result')
  /** What they have fetched of layers, compressed. */
  bytes = 0

  ended({ stage, startedAtMs, layers }: PullProgress): void {
    this.durations.observe([stage === 'failed' ? 'failed' : 'succeeded'], (Date.now() - startedAtMs) / 1000)
    for (const layer of layers) if (layer.stage !== 'present') this.bytes += layer.downloadedBytes
  }
}

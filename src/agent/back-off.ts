/** Milliseconds, as the kubelet has them. */
const firstMs = 10_000
const longestMs = 300_000
/** Who ran this long starts anew. */
const forgivenMs = 600_000

/**
 * How long to wait after the end of a container that is now started again: its own delay was `beforeMs` (0 for the
 * first of its
 * name, which is started again at once), and it ran for `ranMs`.
 */
export function nextBackOff(beforeMs: number, ranMs: number): number {
  if (beforeMs === 0 || ranMs >= forgivenMs) return firstMs
  return Math.min(beforeMs * 2, longestMs)
}

/** Something that failed so many times in a row, and when it may be tried again. */
export interface Failure {
  readonly delayMs: number
  readonly retryAt: number
  readonly message: string
}

export function failedAgain(before: Failure | undefined, message: string, now: number): Failure {
  const delayMs = before ? nextBackOff(before.delayMs, 0) : firstMs
  return { delayMs, retryAt: now + delayMs, message }
}

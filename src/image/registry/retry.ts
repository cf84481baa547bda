import { setTimeout as sleep } from 'node:timers/promises'
import { TransportError } from './transport.ts'

export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number
  /** Before the second try, in milliseconds; doubles for each that follows. */
  readonly firstDelayMs: number
  /** No wait is longer, whatever `Retry-After` says. */
  readonly maxDelayMs: number
}

/** An answer of the registry that may be another a little later: 429 or 5xx. */
export class BusyError extends TransportError {
  /** What `Retry-After` asks for, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(status: number, retryAfter: string | undefined, detail: string) {
    super(`answered ${status}${detail}`, true)
    this.retryAfterMs = parseRetryAfter(retryAfter)
  }
}

/** Seconds or an HTTP date (RFC 9110 §10.2.3), in milliseconds from now. */
export function parseRetryAfter(text: string | undefined, nowMs = Date.now()): number | undefined {
  if (text === undefined) return undefined
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}

/** How long to wait before try `next` (2 for the second), in milliseconds. */
export function delayBefore(next: number, error: unknown, policy: RetryPolicy, random = Math.random): number {
  // Jitter, so that a hundred nodes do not come back in the same moment.
  const own = policy.firstDelayMs * 2 ** (next - 2) * (0.75 + random() / 2)
  const asked = error instanceof BusyError ? (error.retryAfterMs ?? 0) : 0
  return Math.min(Math.max(own, asked), policy.maxDelayMs)
}

/** Tries again after transient {@link TransportError}s; throws the last error, or the signal's reason. */
export async function withRetries<T>(policy: RetryPolicy, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let next = 2; ; next++) {
    try {
      return await attempt()
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof TransportError && error.transient) || next > policy.attempts) throw error
      await wait(delayBefore(next, error, policy), signal)
    }
  }
}

/** Waits; throws the reason of the signal when it aborts. */
export async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}

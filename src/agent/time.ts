import { setTimeout as sleep } from 'node:timers/promises'

/** The clock of the agent; tests have one that they move. */
export interface Time {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after so many milliseconds, or when the signal fires; never rejects. */
  wait(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemTime: Time = {
  now: Date.now,
  wait: (ms, signal) => sleep(ms, undefined, signal && { signal }).catch(() => {}),
}

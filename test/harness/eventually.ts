import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Calls `probe` until it answers something other than undefined, and answers that. Throws after `timeoutMs` with what was
 * waited for and the last error that `probe` threw, if it threw one.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  let failure: unknown
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 1.5, 100)) {
    try {
      const result = await probe()
      if (result !== undefined) return result
      failure = undefined
    } catch (error) {
      failure = error
    }
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: failure })
    await sleep(pauseMs)
  }
}

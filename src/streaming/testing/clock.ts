import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

/** How far the clock of {@link ownClock} goes at once, in milliseconds. */
const stepMs = 10

/**
 * A clock that only the test moves, for performance.now, setTimeout and setInterval: what has to come over a connection in
 * between may take its time. To be asked for before anything that counts time is made; it ends with the test.
 */
export function ownClock(t: TestContext): { pass(ms: number): void } {
  let now = performance.now()
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  t.mock.method(performance, 'now', () => now)
  return {
    pass(ms) {
      for (let passed = 0; passed < ms; passed += stepMs) {
        now += stepMs
        t.mock.timers.tick(stepMs)
      }
    },
  }
}

/** What `count` answers once it has not grown for 300 ms. */
export async function standingStill(count: () => number): Promise<number> {
  for (;;) {
    const before = count()
    await sleep(300)
    if (count() === before) return before
  }
}

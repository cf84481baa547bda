import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../run/bench.ts'
import { busySeconds, ownSeconds } from './cpu-time.ts'

/** Milliseconds. */
const watched = 3000

/**
 * How many of the CPUs are busy while nothing is measured (1 is one whole CPU): what else runs on the machine, and the
 * daemons idling. A machine that is not quiet is noted, since it spoils the figures of CPU.
 */
export async function idleBaseline(bench: Bench): Promise<number> {
  const before = busySeconds() - ownSeconds()
  const start = performance.now()
  await sleep(watched)
  const rate = (busySeconds() - ownSeconds() - before) / ((performance.now() - start) / 1000)
  bench.note(`CPU of the machine with nothing measured: ${(rate * 100).toFixed(1)} % of a core; subtracted.`)
  return rate
}

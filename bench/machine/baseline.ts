import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from '../run/bench.ts'
import { busySeconds, ownSeconds } from './cpu-time.ts'

/** Milliseconds. */
const watched = 3000

/** What else runs may take so much of a core; with more of it nobody could tell whose the CPU was. */
const quiet = 0.2

/**
 * How many of the CPUs are busy while nothing is measured (1 is one whole CPU): what else runs on the machine, and the
 * daemons idling. Undefined on a machine that is not quiet; both are noted.
 */
export async function idleBaseline(bench: Bench): Promise<number | undefined> {
  const before = busySeconds() - ownSeconds()
  const start = performance.now()
  await sleep(watched)
  const rate = (busySeconds() - ownSeconds() - before) / ((performance.now() - start) / 1000)
  const share = `CPU of the machine with nothing measured: ${(rate * 100).toFixed(1)} % of a core`
  bench.note(rate < quiet ? `${share}; subtracted.` : `${share}; too much to measure that of the whole machine.`)
  return rate < quiet ? rate : undefined
}

import type { Probe } from '../manifest/probe.ts'

/** What a probe has found out so far. */
export interface ProbeCount {
  /** Undefined until a threshold was reached. */
  readonly verdict: 'success' | 'failure' | undefined
  readonly last: 'success' | 'failure' | undefined
  /** How many times in a row the last was so. */
  readonly inARow: number
}

export const uncounted: ProbeCount = { verdict: undefined, last: undefined, inARow: 0 }

/** One more outcome of a probe: the verdict changes once a threshold is reached. */
export function count(
  before: ProbeCount,
  outcome: 'success' | 'failure',
  { successThreshold, failureThreshold }: Pick<Probe, 'successThreshold' | 'failureThreshold'>,
): ProbeCount {
  const inARow = before.last === outcome ? before.inARow + 1 : 1
  const threshold = outcome === 'success' ? successThreshold : failureThreshold
  return { verdict: inARow >= threshold ? outcome : before.verdict, last: outcome, inARow }
}

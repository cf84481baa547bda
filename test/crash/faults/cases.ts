import type { FaultPointName } from '../../../src/lib/fault-point-names.ts'
import { type Scenario, type Victim, victims } from './scenario.ts'
import { everyDay, inTurns, scenarios } from './scenarios.ts'

/** One run: a scenario, interrupted at a point. */
export interface CrashCase {
  readonly scenario: Scenario
  readonly point: FaultPointName
  readonly victim: Victim
}

export function allCases(): CrashCase[] {
  return scenarios.flatMap((scenario) =>
    scenario.points.flatMap((point) =>
      victims
        .filter((victim) => scenario.except?.[point]?.[victim] === undefined)
        .map((victim) => ({ scenario, point, victim })),
    ),
  )
}

/** Of so many points of a scenario that takes turns, one is in a run. */
const turns = 3

/**
 * A part of all cases: the points of the scenarios that `npm test` has, each with one victim. The points of those that take
 * turns, and the victims, change with `seed`, so that consecutive seeds come to all of them.
 */
export function someCases(seed: number): CrashCase[] {
  const points = [...Map.groupBy(allCases(), ({ scenario, point }) => `${scenario.operation} ${point}`).values()]
  return points.flatMap((cases, index) => {
    const [{ scenario }] = cases as [CrashCase]
    const isIn = everyDay.has(scenario) || (inTurns.has(scenario) && (seed + index) % turns === 0)
    return isIn ? [cases[(seed + index) % cases.length] as CrashCase] : []
  })
}

import type { FaultPointName } from '../../../src/lib/fault-point-names.ts'
import { type Scenario, type Victim, victims } from './scenario.ts'
import { proven, scenarios } from './scenarios.ts'

/** One run: a scenario, interrupted at a point. */
export interface CrashCase {
  readonly scenario: Scenario
  readonly point: FaultPointName
  readonly victim: Victim
}

const provenCases = () => allCases().filter(({ scenario }) => proven.has(scenario))

export function allCases(): CrashCase[] {
  return scenarios.flatMap((scenario) =>
    scenario.points.flatMap((point) =>
      victims
        .filter((victim) => scenario.except?.[point]?.[victim] === undefined)
        .map((victim) => ({ scenario, point, victim })),
    ),
  )
}

/**
 * A part of all cases that has every point of every proven scenario, each with one victim. The victims change with `seed`, so that
 * consecutive seeds come to all of them.
 */
export function someCases(seed: number): CrashCase[] {
  const byPoint = Map.groupBy(provenCases(), ({ scenario, point }) => `${scenario.operation} ${point}`)
  return [...byPoint.values()].map((cases, index) => cases[(seed + index) % cases.length] as CrashCase)
}

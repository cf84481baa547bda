import type { FaultPointName } from '../../../src/lib/fault-point-names.ts'
import type { CrashWorld } from './crash-world.ts'

/** Who is hit at a fault point. */
export type Victim = 'berthd' | 'shim' | 'both' | 'error'

export const victims: readonly Victim[] = ['berthd', 'shim', 'both', 'error']

/** An operation that is interrupted at each of its fault points. */
export interface Scenario {
  /** As in the matrix. */
  readonly operation: string
  /** In the order in which they are passed. */
  readonly points: readonly FaultPointName[]
  /** An NRI plugin is installed. */
  readonly withPlugin?: true
  /** It succeeds though a shim dies meanwhile. */
  readonly outlivesShim?: true
  /** Another shim is there afterwards, of which berthd holds other things than of the one before. */
  readonly replacesShim?: true
  /** Victims that make no sense at a point, with the reason. */
  readonly except?: Partial<Record<FaultPointName, Partial<Record<Victim, string>>>>
  /** Brings the machine to where the operation can begin. */
  prepare(world: CrashWorld): Promise<Subject>
}

/** One run of a scenario. */
export interface Subject {
  /** The operation itself. It may fail. */
  act(): Promise<unknown>
  /** What the client does next, with everything up again: the same request. Throws when that fails, or what came of it is wrong. */
  retry(): Promise<void>
  /** Takes away what is left, by the API. */
  clean(): Promise<void>
}

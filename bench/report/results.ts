import type { Machine } from '../machine/describe.ts'
import type { Measurement } from '../run/measurements.ts'

/** All of a run; what results.json holds. */
export interface Results {
  /** ISO 8601. */
  readonly startedAt: string
  readonly seconds: number
  readonly machine: Machine
  /** The first is what the others are compared with. */
  readonly endpoints: readonly EndpointName[]
  readonly image: string
  readonly rounds: number
  readonly measurements: readonly Measurement[]
  /** What a reader must know: a machine that was not quiet, a case that was left out and why. */
  readonly notes: readonly string[]
  /** Cases that broke; what they had measured until then is in `measurements`. */
  readonly failures: readonly string[]
}

export interface EndpointName {
  readonly name: string
  readonly runtimeName: string
  readonly runtimeVersion: string
}

import type { V1Probe } from '@kubernetes/client-node'
import { invalidArgument } from '../lib/errors.ts'
import { type Action, readProbeAction } from './action.ts'
import type { Port } from './container.ts'
import type { Fields } from './fields.ts'

export const probeKinds = ['startup', 'readiness', 'liveness'] as const

export type ProbeKind = (typeof probeKinds)[number]

/** A check of a container, repeated. */
export interface Probe {
  readonly action: Action
  readonly initialDelayMs: number
  readonly periodMs: number
  readonly timeoutMs: number
  /** How many in a row it takes to count as success, and as failure. */
  readonly successThreshold: number
  readonly failureThreshold: number
  /** The grace period of a container that is killed for it, when it is not the pod's. */
  readonly graceSeconds: number | undefined
}

export type Probes = Readonly<Partial<Record<ProbeKind, Probe>>>

/** Reads a probe, with the defaults and the limits of the API server. */
export function readProbe(fields: Fields<V1Probe>, kind: ProbeKind, ports: readonly Port[]): Probe {
  const atLeast = (least: number, key: keyof V1Probe & string, otherwise: number) => {
    const value = fields.integer(key) ?? otherwise
    if (value < least) throw invalidArgument(`${fields.path}.${key} must be at least ${least}`)
    return value
  }
  const successThreshold = atLeast(1, 'successThreshold', 1)
  if (successThreshold !== 1 && kind !== 'readiness') {
    throw invalidArgument(`${fields.path}.successThreshold must be 1 for a ${kind} probe`)
  }
  const graceSeconds = fields.integer('terminationGracePeriodSeconds')
  if (graceSeconds !== undefined && kind === 'readiness') {
    throw invalidArgument(`${fields.path}.terminationGracePeriodSeconds: a readiness probe ends no container`)
  }
  return {
    action: readProbeAction(fields, ports),
    initialDelayMs: 1000 * atLeast(0, 'initialDelaySeconds', 0),
    periodMs: 1000 * atLeast(1, 'periodSeconds', 10),
    timeoutMs: 1000 * atLeast(1, 'timeoutSeconds', 1),
    successThreshold,
    failureThreshold: atLeast(1, 'failureThreshold', 3),
    graceSeconds,
  }
}

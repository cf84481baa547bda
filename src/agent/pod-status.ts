import type { PodManifest } from '../manifest/pod.ts'
import type { Failure } from './back-off.ts'
import type { Plan } from './decide.ts'
import type { ObservedContainer, ObservedPod } from './observe.ts'
import { describeTrouble, type Trouble } from './trouble.ts'

/** A pod as people want to know it: the columns of `kubectl get pods`. */
export interface PodStatus {
  readonly namespace: string
  readonly name: string
  /**
   * `Running`, or what keeps it from that: `Init:0/1`, `Init:CrashLoopBackOff`, `CrashLoopBackOff`,
   * `ImagePullBackOff`, `Terminating`, …
   */
  readonly state: string
  /** How many of its containers are ready, and how many there are. */
  readonly ready: number
  readonly total: number
  readonly restarts: number
  /** Milliseconds since the epoch; undefined as long as there is no sandbox. */
  readonly createdAt: number | undefined
  /** Why it is not what it should be, in words; empty when it is. */
  readonly message: string
  /** What keeps it from being what it should be, each by itself. */
  readonly troubles: readonly Trouble[]
}

/** Why a container could not be started. */
export interface StartFailure extends Failure {
  /** Whether its image, or one of its volumes, could not be had. */
  readonly ofImage: boolean
}

/** What the agent has found out besides what the runtime tells. */
export interface Findings {
  readonly ready: (containerId: string) => boolean
  /** By the name of the container that could not be started. */
  readonly failures: ReadonlyMap<string, StartFailure>
  /** Why a container ended, in its own words. */
  readonly lastWords: (container: ObservedContainer) => string
}

export function describePod(pod: PodManifest, observed: ObservedPod, plan: Plan, findings: Findings): PodStatus {
  const newest = new Map(observed.containers.toReversed().map((container) => [container.name, container]))
  const lasting = [...pod.initContainers.filter(({ sidecar }) => sidecar), ...pod.containers]
  // As kubectl counts: as long as a pod is made ready, what makes it ready.
  const counted = plan.phase === 'Pending' ? pod.initContainers : lasting
  const isReady = (name: string) => {
    const container = newest.get(name)
    return container?.state === 'running' && findings.ready(container.id)
  }
  const troubles = Array.from(findings.failures, ([container, { ofImage, message }]): Trouble => {
    return { container, of: ofImage ? 'image' : 'start', message }
  })
  const [trouble] = troubles
  const [waiting] = plan.backingOff
  const failure = findings.failures.get(waiting ?? '')
  const ended = [...newest.values()].find(({ state, exitCode }) => state === 'exited' && exitCode !== 0)
  return {
    namespace: pod.namespace,
    name: pod.name,
    state: stateOf(pod, plan, newest, failure, waiting),
    ready: lasting.filter(({ name }) => isReady(name)).length,
    total: lasting.length,
    restarts: counted.reduce((sum, { name }) => sum + (newest.get(name)?.attempt ?? 0), 0),
    createdAt: observed.sandboxes.at(-1)?.createdAt,
    message: trouble ? describeTrouble(trouble) : ended ? describeEnd(ended, findings.lastWords(ended)) : '',
    troubles,
  }
}

/** A pod that is only looked at, or on its way out. */
export function describeRest(namespace: string, name: string, observed: ObservedPod, state: string): PodStatus {
  const newest = new Map(observed.containers.toReversed().map((container) => [container.name, container]))
  const running = [...newest.values()].filter((container) => container.state === 'running')
  const createdAt = observed.sandboxes.at(-1)?.createdAt
  const restarts = running.reduce((sum, { attempt }) => sum + attempt, 0)
  return {
    namespace,
    name,
    state,
    ready: running.length,
    total: newest.size,
    restarts,
    createdAt,
    message: '',
    troubles: [],
  }
}

/** With what was found out since it was described. */
export function withTroubles(status: PodStatus, more: readonly Trouble[]): PodStatus {
  const [first] = more
  if (!first) return status
  return { ...status, message: status.message || describeTrouble(first), troubles: [...status.troubles, ...more] }
}

function stateOf(
  pod: PodManifest,
  plan: Plan,
  newest: ReadonlyMap<string, ObservedContainer>,
  failure: StartFailure | undefined,
  waiting: string | undefined,
): string {
  if (plan.phase === 'Succeeded') return 'Completed'
  if (plan.phase === 'Failed') return 'Error'
  if (failure && waiting !== undefined) return failure.ofImage ? 'ImagePullBackOff' : 'StartError'
  const initial = pod.initContainers.filter(({ sidecar }) => !sidecar)
  const isInitial = initial.some(({ name }) => name === waiting)
  if (waiting !== undefined) return `${isInitial ? 'Init:' : ''}CrashLoopBackOff`
  const done = initial.filter(({ name }) => newest.get(name)?.state === 'exited' && newest.get(name)?.exitCode === 0)
  if (plan.phase === 'Pending')
    return done.length < initial.length ? `Init:${done.length}/${initial.length}` : 'Pending'
  return 'Running'
}

function describeEnd({ name, exitCode, reason, message }: ObservedContainer, lastWords: string): string {
  const why = [reason, message, lastWords].filter(Boolean).join(': ')
  return `${name} ended with exit code ${exitCode}${why && ` (${why})`}`
}

import type { ContainerManifest } from '../manifest/container.ts'
import type { PodManifest } from '../manifest/pod.ts'
import { type RestartPolicy, restarts } from '../manifest/restart-policy.ts'
import { nextBackOff } from './back-off.ts'
import { backOffAnnotation } from './marks.ts'
import type { ObservedContainer, ObservedPod, ObservedSandbox } from './observe.ts'

/** What the agent has learnt by itself since it runs. All of it can be lost: it is then learnt anew. */
export interface Learnt {
  /** Whether a running container has started: its startup probe, if it has one, succeeded. */
  started(containerId: string): boolean
  /** The probe that a running container has failed, so that it is to be killed. */
  failedProbe(containerId: string): 'startup' | 'liveness' | undefined
  /** Until when no container of this name is to be started, since the last try failed. */
  retryAt(name: string): number | undefined
}

/** One thing to do. */
export type Step =
  | { readonly kind: 'run-sandbox'; readonly attempt: number }
  | {
      readonly kind: 'start'
      readonly container: ContainerManifest
      readonly attempt: number
      readonly backOffMs: number
    }
  | { readonly kind: 'start-created'; readonly container: ContainerManifest; readonly created: ObservedContainer }
  | {
      readonly kind: 'kill'
      readonly container: ContainerManifest
      readonly running: ObservedContainer
      readonly probe: 'startup' | 'liveness'
    }
  /** Nothing of it is to run any more; its records stay, to tell how it ended. */
  | { readonly kind: 'end'; readonly reason: string }
  | { readonly kind: 'remove-container'; readonly container: ObservedContainer }
  | { readonly kind: 'remove-sandbox'; readonly sandbox: ObservedSandbox }

export interface Plan {
  /** In the order in which they are to be done. */
  readonly steps: readonly Step[]
  /** When to decide again, if nothing happens before: milliseconds since the epoch. */
  readonly wakeAt: number | undefined
  /** Containers that wait to be started again. */
  readonly backingOff: ReadonlySet<string>
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
}

/** Milliseconds between two sandboxes of a pod at the least. */
const sandboxPauseMs = 10_000

/** What is to be done so that a pod is what its manifest says: the rules of the kubelet. A pure function. */
export function decide(pod: PodManifest, observed: ObservedPod, learnt: Learnt, now: number): Plan {
  return new Decision(pod, observed, learnt, now).plan()
}

class Decision {
  readonly #pod: PodManifest
  readonly #observed: ObservedPod
  readonly #learnt: Learnt
  readonly #now: number
  readonly #sandbox: ObservedSandbox | undefined
  /** Of each name the newest container, in whichever sandbox. */
  readonly #newest = new Map<string, ObservedContainer>()
  readonly #steps: Step[] = []
  readonly #backingOff = new Set<string>()
  #wakeAt: number | undefined

  constructor(pod: PodManifest, observed: ObservedPod, learnt: Learnt, now: number) {
    this.#pod = pod
    this.#observed = observed
    this.#learnt = learnt
    this.#now = now
    this.#sandbox = observed.sandboxes[0]
    for (const container of observed.containers.toReversed()) this.#newest.set(container.name, container)
  }

  plan(): Plan {
    const phase = this.#phase()
    if (phase === 'Succeeded' || phase === 'Failed') this.#end('it has ended')
    else if (this.#isLate()) this.#end('its activeDeadlineSeconds are over')
    else if (!this.#sandbox?.ready) this.#runSandbox()
    else if (this.#initialise()) for (const container of this.#pod.containers) this.#keepRunning(container)
    this.#clean()
    return { steps: this.#steps, wakeAt: this.#wakeAt, backingOff: this.#backingOff, phase }
  }

  #phase(): Plan['phase'] {
    if (this.#failedInit()) return 'Failed'
    const newest = this.#pod.containers.map((container) => ({ container, newest: this.#newest.get(container.name) }))
    const over = newest.every(
      ({ container, newest }) => newest?.state === 'exited' && !restarts(this.#policyOf(container), newest.exitCode),
    )
    if (over) return newest.every(({ newest }) => newest?.exitCode === 0) ? 'Succeeded' : 'Failed'
    return newest.some(({ newest }) => newest !== undefined && newest.state !== 'created') ? 'Running' : 'Pending'
  }

  /** An init container that failed for good ends the pod. */
  #failedInit(): boolean {
    return this.#pod.initContainers.some((container) => {
      const newest = this.#newest.get(container.name)
      if (container.sidecar || newest?.state !== 'exited' || newest.exitCode === 0) return false
      return this.#policyOf(container) === 'Never'
    })
  }

  #isLate(): boolean {
    const { deadlineSeconds } = this.#pod
    const first = this.#observed.sandboxes.at(-1)
    if (deadlineSeconds === undefined || !first) return false
    const deadline = first.createdAt + deadlineSeconds * 1000
    if (this.#now >= deadline) return true
    this.#wake(deadline)
    return false
  }

  #end(reason: string): void {
    const runs = this.#observed.containers.some(({ state }) => state === 'running')
    if (this.#sandbox?.ready || runs) this.#steps.push({ kind: 'end', reason })
  }

  /** A new one, but not at once if the last did not last. */
  #runSandbox(): void {
    const age = this.#now - (this.#sandbox?.createdAt ?? 0)
    if (age >= 0 && age < sandboxPauseMs) return this.#wake(this.#now + sandboxPauseMs - age)
    this.#steps.push({ kind: 'run-sandbox', attempt: (this.#sandbox?.attempt ?? -1) + 1 })
  }

  /** Sees to the init containers; true when the others may run. */
  #initialise(): boolean {
    // Once a container of the pod has been there, the init containers of this sandbox have had their turn.
    const initialised = this.#pod.containers.some(({ name }) => this.#here(name) !== undefined)
    for (const container of this.#pod.initContainers) {
      const here = this.#here(container.name)
      if (container.sidecar) {
        this.#keepRunning(container)
        const started = here?.state === 'running' && this.#learnt.started(here.id)
        if (!initialised && !started) return false
        continue
      }
      if (initialised || (here?.state === 'exited' && here.exitCode === 0)) continue
      if (here?.state === 'created') this.#steps.push({ kind: 'start-created', container, created: here })
      else if (here?.state !== 'running') this.#start(container)
      return false
    }
    return true
  }

  /** The newest container of that name in the present sandbox. */
  #here(name: string): ObservedContainer | undefined {
    const newest = this.#newest.get(name)
    return newest?.sandboxId === this.#sandbox?.id ? newest : undefined
  }

  #keepRunning(container: ContainerManifest): void {
    const newest = this.#newest.get(container.name)
    const here = this.#here(container.name)
    if (here?.state === 'created') {
      this.#steps.push({ kind: 'start-created', container, created: here })
    } else if (here?.state === 'running') {
      const probe = this.#learnt.failedProbe(here.id)
      if (probe) this.#steps.push({ kind: 'kill', container, running: here, probe })
    } else if (newest?.state !== 'exited' || restarts(this.#policyOf(container), newest.exitCode)) {
      this.#start(container)
    }
  }

  #start(container: ContainerManifest): void {
    const before = this.#newest.get(container.name)
    const delayMs = Number(before?.annotations[backOffAnnotation] ?? 0)
    // A clock that was set back must not make it wait for longer.
    const endedAt = Math.min(before?.finishedAt ?? 0, this.#now)
    const notBefore = Math.max(before ? endedAt + delayMs : 0, this.#learnt.retryAt(container.name) ?? 0)
    if (this.#now < notBefore) {
      this.#backingOff.add(container.name)
      return this.#wake(notBefore)
    }
    const attempt = before ? before.attempt + 1 : 0
    const backOffMs = before ? nextBackOff(delayMs, before.finishedAt - before.startedAt) : 0
    this.#steps.push({ kind: 'start', container, attempt, backOffMs })
  }

  #policyOf({ sidecar, restartPolicy }: ContainerManifest): RestartPolicy {
    return sidecar ? 'Always' : (restartPolicy ?? this.#pod.restartPolicy)
  }

  #wake(at: number): void {
    this.#wakeAt = Math.min(this.#wakeAt ?? Number.POSITIVE_INFINITY, at)
  }

  /**
   * Of each name, the newest and the one before it stay, to tell what happened; and a sandbox as long as it has a
   * newest one.
   */
  #clean(): void {
    const seen = new Map<string, number>()
    for (const container of this.#observed.containers) {
      const newer = seen.get(container.name) ?? 0
      seen.set(container.name, newer + 1)
      if (newer >= 2 && container.state === 'exited') this.#steps.push({ kind: 'remove-container', container })
    }
    const needed = new Set(Array.from(this.#newest.values(), ({ sandboxId }) => sandboxId))
    for (const sandbox of this.#observed.sandboxes.slice(1)) {
      if (!needed.has(sandbox.id)) this.#steps.push({ kind: 'remove-sandbox', sandbox })
    }
  }
}

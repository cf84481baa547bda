import { CriError } from '../client/index.ts'
import { podNameLabel, podNamespaceLabel } from '../manifest/pod-labels.ts'
import type { PodManifest } from '../manifest/pod.ts'
import { wordsOf } from './access.ts'
import type { AgentParts, DesiredPod } from './agent-parts.ts'
import { type Failure, failedAgain } from './back-off.ts'
import { decide, type Learnt, type Plan, type Step } from './decide.ts'
import { isOfImage } from './image.ts'
import { agentLabel, manifestHashAnnotation } from './marks.ts'
import { type ObservedContainer, type ObservedPod, Observer } from './observe.ts'
import { addressesOf, runSandbox, startContainer, stopRunning } from './pod-actions.ts'
import { describePod, describeRest, type PodStatus, type StartFailure, withTroubles } from './pod-status.ts'
import { Prober } from './prober.ts'
import { refreshFiles } from './refresh-files.ts'
import { removeContainer } from './remove-container.ts'
import { removePod } from './remove-pod.ts'
import { readMessage } from './termination-message.ts'

/** What is to become of a pod: run as desired, go away (undefined), or stay as it is (`hold`). */
export type Wish = DesiredPod | 'hold' | undefined

/**
 * Keeps one pod as it is wished: looks at what the runtime has, decides, does it, and looks again. It knows nothing that
 * would be missed if it were killed.
 */
export class PodWorker {
  readonly namespace: string
  readonly name: string
  readonly #parts: AgentParts
  readonly #observer: Observer
  readonly #prober: Prober
  readonly #onChange: () => void
  readonly #failures = new Map<string, StartFailure>()
  readonly #stopped = new AbortController()
  /** Fires when there is something new to look at; another one for each look. */
  #news = new AbortController()
  /** Fires when something else is wished; another one for each wish. */
  #change = new AbortController()
  #wish: Wish = 'hold'
  #status: PodStatus | undefined
  #trouble: Failure | undefined
  #told: ReadonlySet<string> | undefined
  #waiting: (() => void)[] = []
  #isIdle = false
  #isGone = false

  /** `onChange` is called after each look. */
  constructor(parts: AgentParts, namespace: string, name: string, onChange: () => void) {
    this.#parts = parts
    this.namespace = namespace
    this.name = name
    this.#onChange = onChange
    this.#observer = new Observer(parts.access)
    this.#prober = new Prober(parts.access, parts.time, () => this.poke())
  }

  /** Undefined before the first look, and when there is no such pod. */
  get status(): PodStatus | undefined {
    return this.#status && withTroubles(this.#status, this.#prober.troubles())
  }

  /** Whether nothing of the pod is left, and nothing is to be. */
  get isGone(): boolean {
    return this.#isGone
  }

  get wish(): Wish {
    return this.#wish
  }

  set wish(wish: Wish) {
    const isSame = isSameWish(wish, this.#wish)
    this.#wish = wish
    if (isSame) return
    this.#change.abort()
    this.#change = new AbortController()
    this.poke()
  }

  /** Has it look at the pod now. */
  poke(): void {
    this.#isGone = false
    this.#isIdle = false
    this.#news.abort()
  }

  /** Resolves when it has done what there was to do and waits. */
  whenIdle(): Promise<void> {
    if (this.#isIdle) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Ends the work on the pod; the pod stays as it is. */
  stop(): void {
    this.#stopped.abort()
    this.#change.abort()
    this.poke()
  }

  async run(): Promise<void> {
    const { time } = this.#parts
    while (!this.#stopped.signal.aborted) {
      this.#news = new AbortController()
      const wakeAt = (await this.#round()) ?? Number.POSITIVE_INFINITY
      this.#onChange()
      if (this.#news.signal.aborted) continue
      this.#isIdle = true
      for (const resolve of this.#waiting.splice(0)) resolve()
      await time.wait(Math.min(this.#parts.resyncMs, Math.max(0, wakeAt - time.now())), this.#news.signal)
      this.#isIdle = false
    }
    this.#prober[Symbol.dispose]()
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Looks and acts until there is nothing more to do. Answers when to look again, at the latest. */
  async #round(): Promise<number | undefined> {
    try {
      const wakeAt = await this.#bringAbout()
      this.#trouble = undefined
      return wakeAt
    } catch (error) {
      if (this.#stopped.signal.aborted) return undefined
      const message = wordsOf(error)
      if (message !== this.#trouble?.message) this.#note(message)
      const now = this.#parts.time.now()
      this.#trouble = failedAgain(this.#trouble, message, now)
      if (this.#status) this.#status = { ...this.#status, message, troubles: [{ of: 'pod', message }] }
      // A runtime that restarts is soon back.
      return error instanceof CriError && error.codeName === 'UNAVAILABLE' ? now + 1000 : this.#trouble.retryAt
    }
  }

  async #bringAbout(): Promise<number | undefined> {
    const { manifests, time } = this.#parts
    const labels = { [agentLabel]: manifests, [podNamespaceLabel]: this.namespace, [podNameLabel]: this.name }
    while (!this.#stopped.signal.aborted) {
      const wish = this.#wish
      const observed = await this.#observer.observe(labels)
      this.#isGone = false
      this.#tellEnds(observed)
      if (wish === 'hold') return this.#leave(observed)
      const others = observed.sandboxes.filter(({ annotations }) => annotations[manifestHashAnnotation] !== wish?.hash)
      if (others.length > 0) {
        this.#status = describeRest(this.namespace, this.name, observed, 'Terminating')
        this.#onChange()
        this.#prober.watch([])
        this.#failures.clear()
        await removePod(this.#parts, others, observed)
        this.#note('removed')
        continue
      }
      if (wish === undefined) {
        this.#status = undefined
        this.#isGone = true
        return undefined
      }
      await this.#watchProbes(wish.pod, observed)
      refreshFiles(this.#parts, wish.pod)
      const plan = decide(wish.pod, observed, this.#learnt(), time.now())
      this.#status = describePod(wish.pod, observed, plan, {
        ready: (id) => this.#prober.ready(id),
        failures: this.#failures,
        lastWords: (container) => readMessage(this.#parts.volumesFolder, wish.pod.uid, container),
      })
      this.#onChange()
      if (!(await this.#follow(plan, wish, observed))) return plan.wakeAt
    }
    return undefined
  }

  #leave(observed: ObservedPod): undefined {
    this.#prober.watch([])
    const runs = observed.containers.some(({ state }) => state === 'running')
    this.#status = describeRest(this.namespace, this.name, observed, runs ? 'Running' : 'Unknown')
    this.#isGone = observed.sandboxes.length === 0
  }

  #learnt(): Learnt {
    return {
      started: (id) => this.#prober.started(id),
      failedProbe: (id) => this.#prober.failed(id),
      retryAt: (name) => this.#failures.get(name)?.retryAt,
    }
  }

  async #watchProbes(pod: PodManifest, { sandboxes: [sandbox], containers }: ObservedPod): Promise<void> {
    const running = containers.filter(({ state }) => state === 'running')
    const [podIp = '127.0.0.1'] = sandbox && running.length > 0 ? await addressesOf(this.#parts.access, sandbox.id) : []
    const all = [...pod.initContainers, ...pod.containers]
    const probed = running.flatMap(({ id: containerId, name, startedAt }) => {
      const container = all.find((other) => other.name === name)
      return container ? [{ container, containerId, podIp, startedAt }] : []
    })
    this.#prober.watch(probed)
  }

  /** Does what the plan says; true when something was done, so that it is time for another look. */
  async #follow({ steps }: Plan, wish: DesiredPod, observed: ObservedPod): Promise<boolean> {
    for (const step of steps) {
      // Something else is wished: what was planned may be wrong.
      if (!isSameWish(this.#wish, wish) || this.#stopped.signal.aborted) return true
      await this.#take(step, wish, observed)
    }
    return steps.length > 0
  }

  async #take(step: Step, wish: DesiredPod, observed: ObservedPod): Promise<void> {
    const { cri, work } = this.#parts.access
    const [sandbox] = observed.sandboxes
    switch (step.kind) {
      case 'run-sandbox':
        return runSandbox(this.#parts, wish, step.attempt, observed)
      case 'start':
      case 'start-created':
        return this.#start(step, wish, observed)
      case 'kill': {
        const { container, running, probe } = step
        const said = this.#prober.message(running.id, probe)
        this.#note(`container "${running.name}" has failed its ${probe} probe and is killed: ${said}`)
        return stopRunning(this.#parts, [running], sandbox, container.probes[probe]?.graceSeconds)
      }
      case 'end': {
        this.#note(`${step.reason}: what still runs of it is stopped`)
        await stopRunning(this.#parts, observed.containers.filter(isRunning), sandbox)
        for (const { id: podSandboxId } of observed.sandboxes) await cri.runtime.stopPodSandbox({ podSandboxId }, work)
        return
      }
      case 'remove-container':
        return removeContainer(this.#parts, wish.pod, step.container)
      case 'remove-sandbox': {
        const podSandboxId = step.sandbox.id
        const inside = observed.containers.filter(({ sandboxId }) => sandboxId === podSandboxId)
        for (const container of inside) await removeContainer(this.#parts, wish.pod, container)
        await cri.runtime.stopPodSandbox({ podSandboxId }, work)
        await cri.runtime.removePodSandbox({ podSandboxId }, work)
      }
    }
  }

  /** A container that cannot be started is tried again, later and later, while the others of the pod go on. */
  async #start(
    step: Step & { readonly kind: 'start' | 'start-created' },
    wish: DesiredPod,
    { sandboxes: [sandbox] }: ObservedPod,
  ): Promise<void> {
    const { name } = step.container
    if (!sandbox) return
    const { signal } = this.#change
    try {
      await startContainer(this.#parts, wish, step, sandbox, signal)
      this.#failures.delete(name)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof CriError && error.codeName === 'UNAVAILABLE') throw error
      const before = this.#failures.get(name)
      const again = failedAgain(before, wordsOf(error), this.#parts.time.now())
      const failure = { ...again, ofImage: isOfImage(error) }
      if (failure.message !== before?.message) {
        this.#note(`container "${name}" cannot be started, it is tried again later and later: ${failure.message}`)
      }
      this.#failures.set(name, failure)
    }
  }

  /** Says of each container once how it ended; those that had ended before the first look are old news. */
  #tellEnds({ containers }: ObservedPod): void {
    const ended = containers.filter(({ state }) => state === 'exited')
    for (const { id, name, exitCode, reason } of ended) {
      if (this.#told && !this.#told.has(id)) {
        this.#note(`container "${name}" has ended with exit code ${exitCode}${reason && ` (${reason})`}`)
      }
    }
    this.#told = new Set(ended.map(({ id }) => id))
  }

  #note(line: string): void {
    this.#parts.access.note(`pod ${this.namespace}/${this.name}: ${line}`)
  }
}

const isRunning = ({ state }: ObservedContainer) => state === 'running'

function isSameWish(a: Wish, b: Wish): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && a.hash === b.hash)
}

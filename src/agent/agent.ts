import { CriError } from '../client/index.ts'
import { podsOf } from '../manifest/deployment.ts'
import { podNameOf, podNamespaceOf } from '../manifest/pod-labels.ts'
import { wordsOf } from './access.ts'
import type { AgentParts, DesiredPod } from './agent-parts.ts'
import { type LogLimits, rotateLogs } from './log-rotation.ts'
import { type FolderContents, readFolder, watchFolder } from './manifest-folder.ts'
import { agentLabel, deploymentLabel, fileAnnotation } from './marks.ts'
import { type ObservedPod, Observer } from './observe.ts'
import type { PodStatus } from './pod-status.ts'
import { PodWorker, type Wish } from './pod-worker.ts'
import { type ExistingPod, rollOut } from './rollout.ts'

export interface AgentOptions extends Omit<AgentParts, 'lookup' | 'resyncMs'> {
  readonly logLimits: LogLimits
}

/** Milliseconds between two readings of the folder, of which inotify may have said nothing; what the kubelet has. */
const rescanMs = 20_000
/** Between two looks at a pod: when the runtime tells of changes, and when it does not. */
const resyncMs = { withEvents: 10_000, withoutEvents: 1000 }
const rotationMs = 10_000
/** Editors write a file in several steps. */
const settleMs = 100

/**
 * Runs the pods of a folder of manifests, as the kubelet runs its static pods. All that it knows is in that folder
 * and in what
 * the runtime lists, so that it may be killed and started again at any time.
 */
export class Agent {
  readonly #options: AgentOptions
  readonly #parts: AgentParts
  readonly #workers = new Map<string, PodWorker>()
  readonly #runs = new Set<Promise<void>>()
  readonly #readySince = new Map<string, number>()
  /** Pods that their workers have looked at. */
  readonly #known = new Set<string>()
  readonly #observer: Observer
  #contents: FolderContents | undefined
  #said = new Set<string>()
  #hearsEvents = false
  #news = new AbortController()

  constructor(options: AgentOptions) {
    this.#options = options
    this.#observer = new Observer(options.access)
    const resync = () => (this.#hearsEvents ? resyncMs.withEvents : resyncMs.withoutEvents)
    this.#parts = {
      ...options,
      lookup: (kind, namespace, name) => this.#contents?.lookup(kind, namespace, name),
      get resyncMs() {
        return resync()
      },
    }
  }

  /** What it knows of its pods, by name. */
  statuses(): PodStatus[] {
    const known = [...this.#workers.values()].flatMap(({ status }) => (status ? [status] : []))
    return known.toSorted((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1))
  }

  /** The worker of a pod, for tests to wait for. */
  worker(namespace: string, name: string): PodWorker | undefined {
    return this.#workers.get(`${namespace}/${name}`)
  }

  /** Works until the signal fires; the pods then stay as they are. */
  async run(signal: AbortSignal): Promise<void> {
    const { time, manifests } = this.#options
    using _watch = watchFolder(manifests, () => void time.wait(settleMs, signal).then(() => this.rescan()))
    signal.addEventListener('abort', () => this.rescan(), { once: true })
    const others = [this.#hearEvents(signal), this.#rotateLogs(signal)]
    while (!signal.aborted) {
      this.#news = new AbortController()
      const wakeAt = await this.#look()
      await time.wait(Math.min(rescanMs, Math.max(0, wakeAt - time.now())), this.#news.signal)
    }
    for (const worker of this.#workers.values()) worker.stop()
    await Promise.all([...this.#runs, ...others])
  }

  /** Has it read the folder now. */
  rescan(): void {
    this.#news.abort()
  }

  /**
   * Reads the folder, looks at all pods, and says to each worker what is wished. Answers when to look again, at the
   * latest.
   */
  async #look(): Promise<number> {
    const { time, manifests } = this.#options
    try {
      this.#contents = readFolder(manifests)
      this.#tellTroubles(this.#contents)
      const observed = await this.#observer.observe({ [agentLabel]: manifests })
      return this.#wish(this.#contents, observed)
    } catch (error) {
      this.#say(wordsOf(error))
      return time.now() + 1000
    }
  }

  #wish(contents: FolderContents, observed: ObservedPod): number {
    const wishes = new Map<string, Wish>()
    for (const { labels, annotations } of observed.sandboxes) {
      const key = `${podNamespaceOf(labels)}/${podNameOf(labels)}`
      // A file that cannot be read now asks for what it asked for before.
      if (contents.broken.has(annotations[fileAnnotation] ?? '')) wishes.set(key, this.#asItIs(key))
      else if (!wishes.has(key)) wishes.set(key, undefined)
    }
    for (const desired of contents.pods) wishes.set(keyOf(desired.pod), desired)
    const wakeAt = this.#rollOut(contents, observed, wishes)
    for (const [key, wish] of wishes) this.#workerOf(key).wish = wish
    for (const [key, worker] of this.#workers) {
      if (wishes.has(key)) continue
      if (!worker.isGone) worker.wish = undefined
      else this.#dismiss(key, worker)
    }
    return wakeAt
  }

  #rollOut({ deployments }: FolderContents, { sandboxes }: ObservedPod, wishes: Map<string, Wish>): number {
    const now = this.#options.time.now()
    let wakeAt = Number.POSITIVE_INFINITY
    for (const { deployment, file } of deployments) {
      const { kind, namespace, name, hash, minReadyMs } = deployment
      const id = `${kind}/${namespace}/${name}`
      const pods = new Map(podsOf(deployment).map((pod) => [keyOf(pod), pod]))
      const there = new Set(
        sandboxes
          .filter(({ labels }) => labels[deploymentLabel] === id)
          .map(({ labels }) => `${podNamespaceOf(labels)}/${podNameOf(labels)}`),
      )
      // What they are is not known before their workers have looked at them: nothing is decided until then.
      if (Array.from(there).some((key) => !this.#known.has(key))) {
        for (const key of there) wishes.set(key, this.#asItIs(key))
        continue
      }
      const existing = Array.from(there, (key): ExistingPod => {
        const status = this.#workers.get(key)?.status
        if (!pods.has(key)) return { name: key, available: (status?.ready ?? 0) > 0 && status?.state !== 'Terminating' }
        const availableAt = (this.#readySince.get(key) ?? Number.POSITIVE_INFINITY) + minReadyMs
        if (availableAt > now) wakeAt = Math.min(wakeAt, availableAt)
        return { name: key, available: availableAt <= now }
      })
      const { run, stay } = rollOut(deployment, [...pods.keys()], existing)
      for (const key of stay) wishes.set(key, this.#asItIs(key))
      for (const key of run) {
        const pod = pods.get(key)
        if (pod) wishes.set(key, { pod, hash, file, deployment: id } satisfies DesiredPod)
      }
    }
    return wakeAt
  }

  /** To go on as before; what its manifest was is not known any more if the agent was not there then. */
  #asItIs(key: string): Wish {
    return this.#workers.get(key)?.wish ?? 'hold'
  }

  #workerOf(key: string): PodWorker {
    const known = this.#workers.get(key)
    if (known) return known
    const [namespace = '', name = ''] = key.split('/')
    const worker = new PodWorker(this.#parts, namespace, name, () => this.#changed(key))
    this.#workers.set(key, worker)
    const run = worker.run().finally(() => this.#runs.delete(run))
    this.#runs.add(run)
    return worker
  }

  #dismiss(key: string, worker: PodWorker): void {
    worker.stop()
    this.#workers.delete(key)
    this.#readySince.delete(key)
    this.#known.delete(key)
  }

  /** Whether a pod is ready decides on what becomes of others of its deployment. */
  #changed(key: string): void {
    const worker = this.#workers.get(key)
    const { ready = 0, total = 0 } = worker?.status ?? {}
    const isReady = total > 0 && ready === total
    const isNew = worker?.status !== undefined && !this.#known.has(key)
    if (isNew) this.#known.add(key)
    const turned = isReady !== this.#readySince.has(key)
    if (turned && isReady) this.#readySince.set(key, this.#options.time.now())
    if (turned && !isReady) this.#readySince.delete(key)
    if (turned || isNew || worker?.isGone) this.rescan()
  }

  /** Listens to what the runtime tells of containers; one that does not is asked more often. */
  async #hearEvents(signal: AbortSignal): Promise<void> {
    const { access, time, manifests } = this.#options
    while (!signal.aborted) {
      const ended = new AbortController()
      // One that has no events says so at once.
      void time.wait(2000, ended.signal).then(() => {
        this.#hearsEvents = !ended.signal.aborted
      })
      try {
        for await (const event of access.cri.runtime.getContainerEvents({}, { signal })) {
          const { labels = {} } = event.podSandboxStatus ?? {}
          if (labels[agentLabel] === manifests) {
            this.#workers.get(`${podNamespaceOf(labels)}/${podNameOf(labels)}`)?.poke()
          }
        }
      } catch (error) {
        if (error instanceof CriError && error.codeName === 'UNIMPLEMENTED') return
      } finally {
        ended.abort()
        this.#hearsEvents = false
      }
      await time.wait(1000, signal)
      // What happened meanwhile was not heard.
      for (const worker of this.#workers.values()) worker.poke()
    }
  }

  async #rotateLogs(signal: AbortSignal): Promise<void> {
    const { access, time, manifests, logLimits } = this.#options
    const observer = new Observer(access)
    while (!signal.aborted) {
      await time.wait(rotationMs, signal)
      try {
        const { containers } = await observer.observe({ [agentLabel]: manifests })
        await rotateLogs(access, containers, logLimits, time.now())
      } catch (error) {
        if (!signal.aborted) this.#say(wordsOf(error))
      }
    }
  }

  #tellTroubles({ broken, warnings }: FolderContents): void {
    const lines = [
      ...Array.from(broken, ([file, why]) => `${file}: ${why}; what it asked for before stays as it is`),
      ...warnings,
    ]
    for (const line of lines) this.#say(line)
    // What is mended and comes again is worth telling again.
    this.#said = new Set([...this.#said].filter((line) => lines.includes(line)))
  }

  /** Says a thing once. */
  #say(line: string): void {
    if (this.#said.has(line)) return
    this.#said.add(line)
    this.#options.access.note(line)
  }
}

const keyOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }) => `${namespace}/${name}`

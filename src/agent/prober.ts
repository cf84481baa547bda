import type { ContainerManifest } from '../manifest/container.ts'
import { type Probe, type ProbeKind, probeKinds } from '../manifest/probe.ts'
import { type Access, wordsOf } from './access.ts'
import { perform } from './perform.ts'
import { count, type ProbeCount, uncounted } from './probe-count.ts'
import type { Time } from './time.ts'
import type { Trouble } from './trouble.ts'

/** A running container whose probes are to run. */
export interface Probed {
  readonly container: ContainerManifest
  readonly containerId: string
  readonly podIp: string
  /** Milliseconds since the epoch. */
  readonly startedAt: number
}

interface Watch extends Probed {
  readonly controller: AbortController
  readonly counts: Map<ProbeKind, ProbeCount>
  readonly messages: Map<ProbeKind, string>
}

/**
 * Runs the probes of a pod's containers, as the kubelet does: the startup probe first and alone; a container that failed
 * its startup or liveness probe is not asked again, as it is to be killed.
 */
export class Prober implements Disposable {
  readonly #access: Access
  readonly #time: Time
  readonly #onChange: () => void
  readonly #watches = new Map<string, Watch>()

  /** `onChange` is called when a verdict has changed. */
  constructor(access: Access, time: Time, onChange: () => void) {
    this.#access = access
    this.#time = time
    this.#onChange = onChange
  }

  /** These containers run, and no others. */
  watch(running: readonly Probed[]): void {
    const ids = new Set(running.map(({ containerId }) => containerId))
    for (const [id, { controller }] of this.#watches) {
      if (ids.has(id)) continue
      controller.abort()
      this.#watches.delete(id)
    }
    for (const probed of running) {
      if (this.#watches.has(probed.containerId)) continue
      const watch = { ...probed, controller: new AbortController(), counts: new Map(), messages: new Map() }
      this.#watches.set(probed.containerId, watch)
      for (const kind of probeKinds) {
        const probe = probed.container.probes[kind]
        if (probe) void this.#run(watch, kind, probe)
      }
    }
  }

  [Symbol.dispose](): void {
    this.watch([])
  }

  /** Whether its startup probe succeeded, or it has none. */
  started(containerId: string): boolean {
    const watch = this.#watches.get(containerId)
    if (!watch) return false
    return !watch.container.probes.startup || watch.counts.get('startup')?.verdict === 'success'
  }

  ready(containerId: string): boolean {
    const watch = this.#watches.get(containerId)
    if (!watch || !this.started(containerId)) return false
    return !watch.container.probes.readiness || watch.counts.get('readiness')?.verdict === 'success'
  }

  /** The probe for which the container is to be killed. */
  failed(containerId: string): 'startup' | 'liveness' | undefined {
    const counts = this.#watches.get(containerId)?.counts
    return (['startup', 'liveness'] as const).find((kind) => counts?.get(kind)?.verdict === 'failure')
  }

  /** What the probe said last. */
  message(containerId: string, kind: ProbeKind): string {
    return this.#watches.get(containerId)?.messages.get(kind) ?? ''
  }

  /** Of each container that is not ready because of a probe, or is to be killed for one, what that probe said last. */
  troubles(): Trouble[] {
    return [...this.#watches].flatMap(([id, { container, messages }]) => {
      const fatal = this.failed(id)
      const waitsFor = this.started(id) ? 'readiness' : 'startup'
      const of = fatal ?? (this.ready(id) ? undefined : waitsFor)
      if (of === undefined) return []
      return [{ container: container.name, of, kills: fatal !== undefined, message: messages.get(of) ?? '' }]
    })
  }

  async #run(watch: Watch, kind: ProbeKind, probe: Probe): Promise<void> {
    const { signal } = watch.controller
    await this.#time.wait(Math.max(0, watch.startedAt + probe.initialDelayMs - this.#time.now()), signal)
    while (!signal.aborted) {
      if (kind === 'startup' || this.started(watch.containerId)) {
        await this.#ask(watch, kind, probe, signal)
        const verdict = watch.counts.get(kind)?.verdict
        if (kind === 'startup' && verdict !== undefined) return
        if (kind === 'liveness' && verdict === 'failure') return
      }
      await this.#time.wait(probe.periodMs, signal)
    }
  }

  async #ask(watch: Watch, kind: ProbeKind, probe: Probe, signal: AbortSignal): Promise<void> {
    const before = watch.counts.get(kind) ?? uncounted
    try {
      const { timeoutMs } = probe
      const { ok, message } = await perform(this.#access, probe.action, watch, { timeoutMs, signal })
      if (signal.aborted) return
      const after = count(before, ok ? 'success' : 'failure', probe)
      watch.counts.set(kind, after)
      watch.messages.set(kind, message)
      if (after.verdict !== before.verdict) this.#onChange()
    } catch (error) {
      // Nothing is known then: not a failure of the container.
      if (!signal.aborted) watch.messages.set(kind, `could not be tried: ${wordsOf(error)}`)
    }
  }
}

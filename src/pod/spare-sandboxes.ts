import { mkdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../lib/errors.ts'
import { newId } from '../lib/ids.ts'
import type { Logger } from '../lib/log.ts'
import { apart } from '../lib/span.ts'
import { Tally } from '../lib/tally.ts'
import type { NetworkPort, PodAttachRequest } from '../network/port.ts'
import type { Operations } from '../state/operations.ts'
import type { Layout } from './layout.ts'
import { removeSandboxFolder } from './sandbox-files.ts'

/** How long nothing may have happened before spares are made, in milliseconds: pods that start have the machine for themselves. */
const quietMs = 200

/** How long the end of berthd may wait for spares to be removed, in milliseconds; the next start removes the rest. */
const closeMs = 3000

/** A request that any pod would make; what does not suit it is of use to none. */
const anyPod: PodAttachRequest = { podNamespace: '', podName: '', podUid: '' }

export interface SpareSandboxesOptions {
  /** How many to keep; 0 for none. Asked again each time; a change may come with {@link SpareSandboxes.fillSoon}. */
  readonly count: () => number
  readonly layout: Layout
  readonly network: NetworkPort
  readonly operations: Pick<Operations, 'list'>
  /** Makes a network namespace as pods get it, and pins it at the path. */
  readonly makeNamespace: (path: string) => void
  readonly log: Logger
}

/**
 * Network namespaces that are attached before their pods are asked for: ids and folders of sandboxes without a record. Most of
 * the time that a sandbox takes is its network's, so a pod that gets one of these starts in a fraction of it. What a crash
 * leaves of them is found by the attachments' records.
 */
export class SpareSandboxes {
  readonly #options: SpareSandboxesOptions
  /** Those that can be taken, oldest first. */
  readonly #ready = new Set<string>()
  /** Those being made or removed. */
  readonly #underWay = new Map<string, Promise<unknown>>()
  /** How often a pod wanted one, by `result`: `taken` or `none`. */
  readonly asked = new Tally('result')
  #timer: NodeJS.Timeout | undefined
  #filling = false
  #closed = false

  constructor(options: SpareSandboxesOptions) {
    this.#options = options
  }

  /** How many can be taken. */
  get count(): number {
    return this.#ready.size
  }

  /** Whether this is the id of a spare. */
  has(id: string): boolean {
    return this.#ready.has(id) || this.#underWay.has(id)
  }

  /** The id of a spare that suits the pod, no spare any more; undefined when there is none. More are made soon. */
  take(request: PodAttachRequest): string | undefined {
    for (const id of this.#ready) {
      if (!this.#suits(id, request)) continue
      this.#ready.delete(id)
      this.asked.add(['taken'])
      return id
    }
    this.asked.add(['none'])
    return undefined
  }

  /** Takes up what an earlier berthd left. To be called before the reconciler looks for what nobody owns. */
  recover(): void {
    for (const { sandboxId, ahead, stage } of this.#options.network.attachments()) {
      if (!ahead) continue
      if (stage === 'attached') this.#ready.add(sandboxId)
      else void this.remove(sandboxId)
    }
    this.fillSoon()
  }

  /** Makes what is missing when nothing has been asked for a while. */
  fillSoon(): void {
    if (this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = apart(() => setTimeout(() => void this.#fill(), quietMs)).unref()
  }

  /** Removes one, whatever there is of it. What cannot be removed is nobody's from then on: the reconciler's. */
  remove(id: string): Promise<void> {
    this.#ready.delete(id)
    return this.#track(id, async () => {
      try {
        await this.#options.network.detach(id)
        removeSandboxFolder(this.#options.layout.sandbox(id))
      } catch (error) {
        this.#options.log.error({ sandbox: id, error: messageOf(error) }, 'a network made ahead cannot be removed yet')
      }
    })
  }

  /** Removes all. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const late = new AbortController()
    const removed = Promise.all(this.#underWay.values()).then(() =>
      Promise.all([...this.#ready].map((id) => this.remove(id))),
    )
    await Promise.race([removed, delay(closeMs, undefined, { signal: late.signal }).catch(() => {})])
    late.abort()
  }

  async #fill(): Promise<void> {
    if (this.#filling) return
    this.#filling = true
    try {
      const count = this.#options.count()
      const useless = [...this.#ready].filter((id, index) => index >= count || !this.#suits(id, anyPod))
      await Promise.all(useless.map((id) => this.remove(id)))
      while (this.#ready.size < count && this.#mayMake()) {
        if (!(await this.#make())) return
      }
    } finally {
      this.#filling = false
    }
  }

  #mayMake(): boolean {
    const { operations, network } = this.#options
    if (this.#closed || !network.ready().ready) return false
    const busy = operations.list().length > 0
    if (busy) this.fillSoon()
    return !busy
  }

  #make(): Promise<boolean> {
    const { layout, network, makeNamespace, log } = this.#options
    const id = newId()
    return this.#track(id, async () => {
      const { folder, netns } = layout.sandbox(id)
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        makeNamespace(netns)
        const attached = await network.attachAhead(id, netns)
        if (attached) this.#ready.add(id)
        else removeSandboxFolder(layout.sandbox(id))
        return attached
      } catch (error) {
        // A pod that comes now is told more about it.
        log.info({ error: messageOf(error) }, 'no network could be made ahead of its pod')
        await network
          .detach(id)
          .then(() => removeSandboxFolder(layout.sandbox(id)))
          // What is left of it is the reconciler's.
          .catch((left) =>
            log.warn({ sandbox: id, error: messageOf(left) }, 'what was made of it cannot be removed yet'),
          )
        return false
      }
    })
  }

  #suits(id: string, request: PodAttachRequest): boolean {
    const { network, layout } = this.#options
    return network.suits({ ...request, sandboxId: id, netnsPath: layout.sandbox(id).netns })
  }

  #track<T>(id: string, work: () => Promise<T>): Promise<T> {
    const done = work().finally(() => this.#underWay.delete(id))
    this.#underWay.set(id, done)
    return done
  }
}

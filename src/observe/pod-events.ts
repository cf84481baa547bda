import type { Clock } from '../lib/clock.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { RecordListener } from '../state/store.ts'
import { containerEvents, type PodEvent, type PodEventType, sandboxEvents } from './pod-event.ts'
import { Subscription } from './subscription.ts'

interface Records<T> {
  get(id: string): T | undefined
  all(): Iterable<T>
  watch(listener: RecordListener<T>): void
}

export interface PodEventsParts {
  readonly sandboxes: Records<SandboxRecord>
  readonly containers: Records<ContainerRecord>
  readonly clock: Clock
}

/** How many events a subscriber may be behind; about 60 pods starting or ending at once. */
const patience = 1000

/** Tells subscribers of every change of a pod, in order. Without any it costs nothing. */
export class PodEvents {
  readonly #parts: PodEventsParts
  readonly #subscribers = new Set<Subscription<PodEvent>>()

  constructor(parts: PodEventsParts) {
    this.#parts = parts
    parts.containers.watch((before, after) => {
      const record = after ?? before
      for (const type of containerEvents(before, after)) if (record) this.#tell(type, record.id, record.sandboxId)
    })
    parts.sandboxes.watch((before, after) => {
      const record = after ?? before
      for (const type of sandboxEvents(before, after)) if (record) this.#tell(type, record.id, record.id, record)
    })
  }

  /** The events from now on, until `signal` aborts. Throws resource-exhausted when they are not taken fast enough. */
  subscribe(signal: AbortSignal): AsyncIterable<PodEvent> {
    const subscription = new Subscription<PodEvent>(patience, signal)
    this.#subscribers.add(subscription)
    void subscription.ended.then(() => this.#subscribers.delete(subscription))
    return subscription
  }

  /** @param known the sandbox, where its record is gone already */
  #tell(type: PodEventType, id: string, sandboxId: string, known?: SandboxRecord): void {
    if (this.#subscribers.size === 0) return
    const sandbox = this.#parts.sandboxes.get(sandboxId) ?? known
    if (!sandbox) return
    const containers = [...this.#parts.containers.all()]
      .filter((record) => record.sandboxId === sandboxId && record.state.phase !== 'creating')
      .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))
    const event = { type, id, at: this.#parts.clock(), sandbox, containers }
    for (const subscriber of this.#subscribers) subscriber.push(event)
  }
}

import { dirname } from 'node:path'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import type { Cgroups } from '../linux/cgroup/cgroups.ts'
import type { CgroupUsage } from '../linux/cgroup/usage.ts'
import type { Layout } from '../pod/layout.ts'
import { onHostNetwork } from '../pod/sandbox-config.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { RecordListener } from '../state/store.ts'
import { CpuRates } from './cpu-rates.ts'
import { type InterfaceUsage, networkUsage } from './network-usage.ts'
import type { ContainerSample, SandboxSample } from './sample.ts'
import { sumUsage } from './sum-usage.ts'
import { WritableLayers } from './writable-layers.ts'

export interface StatsParts {
  readonly sandboxes: { watch(listener: RecordListener<SandboxRecord>): void }
  readonly containers: { all(): Iterable<ContainerRecord>; watch(listener: RecordListener<ContainerRecord>): void }
  readonly cgroups: Pick<Cgroups, 'usage' | 'processCount'>
  readonly layout: Layout
  readonly clock: Clock
  readonly log: Logger
  /** Looks into a network namespace; a test has its own. */
  readonly network?: (path: string) => readonly InterfaceUsage[] | undefined
}

/** What containers and pods use, read when somebody asks: about 60 µs for a container. */
export class Stats implements Disposable {
  readonly #parts: StatsParts
  readonly #rates = new CpuRates()
  readonly #layers: WritableLayers

  constructor(parts: StatsParts) {
    this.#parts = parts
    this.#layers = new WritableLayers(parts.log)
    parts.containers.watch((before, after) => {
      if (!before || after) return
      this.#rates.forget(before.id)
      this.#layers.forget(before.id)
    })
    parts.sandboxes.watch((before, after) => {
      if (before && !after) this.#rates.forget(before.id)
    })
  }

  [Symbol.dispose](): void {
    this.#layers[Symbol.dispose]()
  }

  container(record: ContainerRecord): ContainerSample {
    const { state } = record
    const runs = state.phase === 'running' || state.phase === 'unknown'
    const usage = runs ? this.#parts.cgroups.usage(record.cgroup) : undefined
    const at = this.#parts.clock()
    return {
      record,
      at,
      ...this.#withRate(record.id, usage, runs ? at - state.startedAt : 0n),
      layer: this.#layers.usage(record.id, this.#parts.layout.container(record.id).upper),
      mountpoint: this.#parts.layout.root,
    }
  }

  sandbox(record: SandboxRecord): SandboxSample {
    const [sample] = this.sandboxList([record])
    return sample as SandboxSample
  }

  sandboxList(records: readonly SandboxRecord[]): SandboxSample[] {
    const pods = groupBySandbox(this.#parts.containers.all())
    const owners = ownersOfParents(this.#parts.containers.all())
    return records.map((record) => {
      const containers = pods.get(record.id) ?? []
      const parents = new Set(containers.map(({ cgroup }) => dirname(cgroup)))
      const own = [...parents].filter((parent) => owners.get(parent)?.size === 1)
      return this.#sandbox(record, containers, own)
    })
  }

  #sandbox(record: SandboxRecord, all: readonly ContainerRecord[], own: readonly string[]): SandboxSample {
    const containers = all
      .filter(({ state }) => state.phase === 'running')
      .map((container) => this.container(container))
    const [cgroup] = own
    const ownUsage = cgroup === undefined ? undefined : this.#parts.cgroups.usage(cgroup)
    const usage = ownUsage?.cpu ? ownUsage : sumUsage(containers.flatMap((sample) => sample.usage ?? []))
    const at = this.#parts.clock()
    const network = this.#network(record)
    return {
      record,
      at,
      ...this.#withRate(record.id, usage, at - record.createdAt),
      processes: containers.reduce((sum, sample) => sum + this.#parts.cgroups.processCount(sample.record.cgroup), 0),
      ...(network && { network }),
      containers,
    }
  }

  #withRate(id: string, usage: CgroupUsage | undefined, age: bigint): Pick<ContainerSample, 'usage' | 'cpuRate'> {
    if (!usage) return {}
    if (!usage.cpu) return { usage }
    const now = process.hrtime.bigint()
    return { usage, cpuRate: this.#rates.rate(id, { at: now, usageNs: usage.cpu.usageNs }, now - age) }
  }

  #network(record: SandboxRecord): readonly InterfaceUsage[] | undefined {
    if (record.state.phase !== 'ready' || onHostNetwork(record.config)) return undefined
    const look = this.#parts.network ?? networkUsage
    try {
      return look(this.#parts.layout.sandbox(record.id).netns)
    } catch (error) {
      this.#parts.log.warn({ sandbox: record.id, error: messageOf(error) }, 'cannot read the network counters of a pod')
      return undefined
    }
  }
}

function groupBySandbox(containers: Iterable<ContainerRecord>): Map<string, ContainerRecord[]> {
  return Map.groupBy(containers, ({ sandboxId }) => sandboxId)
}

/** The sandboxes that have containers in each cgroup. One that several share says nothing about any of them. */
function ownersOfParents(containers: Iterable<ContainerRecord>): Map<string, Set<string>> {
  const owners = new Map<string, Set<string>>()
  for (const { cgroup, sandboxId } of containers) {
    const parent = dirname(cgroup)
    owners.set(parent, (owners.get(parent) ?? new Set()).add(sandboxId))
  }
  return owners
}

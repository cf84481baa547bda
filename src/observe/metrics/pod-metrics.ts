import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Cgroups } from '../../linux/cgroup/cgroups.ts'
import type { Layout } from '../../pod/layout.ts'
import type { SandboxRecord } from '../../state/sandbox-record.ts'
import type { ContainerSample, SandboxSample } from '../sample.ts'
import type { Stats } from '../stats.ts'
import type { ContainerSource, Disk } from './container-source.ts'
import { containerFamilies } from './descriptors.ts'
import { deviceName } from './device-name.ts'
import type { Metric, MetricFamily } from './metric.ts'
import { networkFamilies } from './network-families.ts'
import { openFiles, openFilesLimit } from './open-files.ts'
import { type Owner, ownerValues } from './owner.ts'

export interface PodMetrics {
  readonly sandboxId: string
  readonly metrics: readonly Metric[]
  readonly containers: readonly { readonly containerId: string; readonly metrics: readonly Metric[] }[]
}

export interface MetricsParts {
  readonly stats: Stats
  readonly cgroups: Cgroups
  readonly layout: Layout
}

/** The metrics of pods, as the kubelet serves them under /metrics/cadvisor. About 1 ms for a container. */
export class Metrics {
  readonly #parts: MetricsParts

  constructor(parts: MetricsParts) {
    this.#parts = parts
  }

  /** One pod at a time: between two of them other work gets its turn. */
  async *ofSandboxes(records: readonly SandboxRecord[]): AsyncGenerator<PodMetrics> {
    const disk = diskOf(this.#parts.layout.root)
    for (const sample of this.#parts.stats.sandboxList(records)) {
      yield this.#ofPod(sample, disk)
      await nextTurn()
    }
  }

  #ofPod(pod: SandboxSample, disk: Disk): PodMetrics {
    const { name = '', namespace = '' } = pod.record.config.metadata ?? {}
    const [first] = pod.containers
    const id = first ? dirname(first.record.cgroup) : ''
    const whole = { container: '', id, image: '', name: pod.record.id, namespace, pod: name }
    return {
      sandboxId: pod.record.id,
      metrics: pod.network ? evaluate(networkFamilies, pod.network, whole, pod.at) : [],
      containers: pod.containers.map((sample) => ({
        containerId: sample.record.id,
        metrics: this.#ofContainer(sample, { namespace, pod: name }, disk),
      })),
    }
  }

  #ofContainer(sample: ContainerSample, pod: Pick<Owner, 'namespace' | 'pod'>, disk: Disk): Metric[] {
    const { record, usage } = sample
    if (!usage || !('pid' in record.state)) return []
    const { cgroups } = this.#parts
    const pids = cgroups.pids(record.cgroup)
    const source: ContainerSource = {
      sample,
      usage,
      details: cgroups.details(record.cgroup),
      oomKills: cgroups.oomKills(record.cgroup),
      pids,
      openFiles: openFiles(pids),
      openFilesLimit: openFilesLimit(record.state.pid),
      disk,
    }
    const { image } = record.config
    const owner = {
      ...pod,
      container: record.config.metadata?.name ?? '',
      id: record.cgroup,
      image: image?.userSpecifiedImage || image?.image || '',
      name: record.id,
    }
    return evaluate(containerFamilies, source, owner, sample.at)
  }
}

/** The values of every family. */
export function evaluate<Source>(
  families: readonly MetricFamily<Source>[],
  source: Source,
  owner: Owner,
  at: bigint,
): Metric[] {
  const values = ownerValues(owner)
  return families.flatMap(({ name, type, values: valuesOf }) =>
    valuesOf(source).map(({ value, labels = [] }) => ({
      name,
      type,
      at,
      labelValues: [...values, ...labels],
      value: typeof value === 'bigint' ? value : BigInt(Math.trunc(value)),
    })),
  )
}

function diskOf(folder: string): Disk {
  const { blocks, bsize, files, ffree } = statfsSync(folder)
  const { dev } = statSync(folder)
  // makedev(3) as the kernel packs it for numbers below 2^32.
  const device = deviceName((dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00))
  return { device, bytes: blocks * bsize, inodes: files, freeInodes: ffree }
}

import type { ContainerStats, CpuUsage, MemoryUsage, PodSandboxStats } from '../../client/index.ts'

/** How much of the node a container, or a pod as a whole, takes. */
export interface Usage {
  readonly id: string
  /** `namespace/pod` */
  readonly pod: string
  /** Of the container; empty for a pod. */
  readonly name: string
  /** In percent of one CPU; undefined when it is not known yet. */
  readonly cpu: number | undefined
  /** The working set, in bytes. */
  readonly memory: number
  /** Of the limit, in percent; undefined when there is none. */
  readonly memoryShare: number | undefined
  /** Of the writable layer, in bytes; 0 for a pod. */
  readonly disk: number
  readonly inodes: number
  /** Of a pod: bytes that have come and gone, and processes. */
  readonly received?: number
  readonly sent?: number
  readonly processes?: number
}

/** Of a container, from two samples of it; of one that has none before, the rate that the runtime tells. */
export function containerUsage(now: ContainerStats, before: ContainerStats | undefined, pod: string): Usage {
  return {
    id: now.attributes?.id ?? '',
    pod,
    name: now.attributes?.metadata?.name ?? '',
    cpu: cpuPercent(now.cpu, before?.cpu),
    memory: Number(now.memory?.workingSetBytes?.value ?? 0n),
    memoryShare: memoryShare(now.memory),
    disk: Number(now.writableLayer?.usedBytes?.value ?? 0n),
    inodes: Number(now.writableLayer?.inodesUsed?.value ?? 0n),
  }
}

/** The same of a pod as a whole. */
export function podUsage(now: PodSandboxStats, before: PodSandboxStats | undefined): Usage {
  const { id = '', metadata } = now.attributes ?? {}
  const { cpu, memory, network, process } = now.linux ?? {}
  const interfaces = network ? [network.defaultInterface, ...network.interfaces] : []
  const sum = (of: 'rxBytes' | 'txBytes') =>
    interfaces.reduce((total, link) => total + Number(link?.[of]?.value ?? 0n), 0)
  return {
    id,
    pod: `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`,
    name: '',
    cpu: cpuPercent(cpu, before?.linux?.cpu),
    memory: Number(memory?.workingSetBytes?.value ?? 0n),
    memoryShare: memoryShare(memory),
    disk: 0,
    inodes: 0,
    received: sum('rxBytes'),
    sent: sum('txBytes'),
    processes: Number(process?.processCount?.value ?? 0n),
  }
}

function cpuPercent(now: CpuUsage | undefined, before: CpuUsage | undefined): number | undefined {
  const used = now?.usageCoreNanoSeconds?.value
  const usedBefore = before?.usageCoreNanoSeconds?.value
  if (now && before && used !== undefined && usedBefore !== undefined && now.timestamp > before.timestamp) {
    return Math.max(0, (Number(used - usedBefore) / Number(now.timestamp - before.timestamp)) * 100)
  }
  const rate = now?.usageNanoCores?.value
  return rate === undefined ? undefined : Number(rate) / 1e7
}

/** What is larger than this is the kernel's word for no limit, less what is used. */
const noLimit = 2 ** 50

function memoryShare(memory: MemoryUsage | undefined): number | undefined {
  const used = Number(memory?.workingSetBytes?.value ?? 0n)
  const available = Number(memory?.availableBytes?.value ?? 0n)
  return available === 0 || available > noLimit ? undefined : (used / (used + available)) * 100
}

import type { CgroupUsage } from '../linux/cgroup/usage.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { InterfaceUsage } from './network-usage.ts'
import type { LayerUsage } from './writable-layers.ts'

/** What a container uses. */
export interface ContainerSample {
  readonly record: ContainerRecord
  /** Nanoseconds since the epoch. */
  readonly at: bigint
  /** Absent when it does not run. */
  readonly usage?: CgroupUsage
  /** CPU time per second in nanoseconds. */
  readonly cpuRate?: bigint
  readonly layer: LayerUsage
  /** An existing path on the file system that holds the layer. */
  readonly mountpoint: string
}

/** What a pod uses: its cgroup where it has one of its own, otherwise its containers together. */
export interface SandboxSample {
  readonly record: SandboxRecord
  readonly at: bigint
  /** Absent when nothing runs in it. */
  readonly usage?: CgroupUsage
  readonly cpuRate?: bigint
  readonly processes: number
  /** Absent on the host's network, and when the sandbox has stopped. */
  readonly network?: readonly InterfaceUsage[]
  /** Those that run. */
  readonly containers: readonly ContainerSample[]
}

import type { CgroupDetails, CgroupUsage } from '../../linux/cgroup/usage.ts'
import type { ContainerSample } from '../sample.ts'
import type { OpenFiles } from './open-files.ts'

/** All that the metrics of a running container are made of. */
export interface ContainerSource {
  readonly sample: ContainerSample
  readonly usage: CgroupUsage
  readonly details: CgroupDetails
  readonly oomKills: number
  readonly pids: readonly number[]
  readonly openFiles: OpenFiles
  /** Of its first process; undefined when it has no limit. */
  readonly openFilesLimit: number | undefined
  /** The file system that holds what it writes. */
  readonly disk: Disk
}

export interface Disk {
  /** `/dev/vda`. */
  readonly device: string
  readonly bytes: number
  readonly inodes: number
  readonly freeInodes: number
}

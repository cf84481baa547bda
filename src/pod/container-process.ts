import { startOfProcess } from '../linux/process-stat.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { PodParts } from './parts.ts'

/**
 * Whether `pid` still means the first process of the container, which was started by `startedAt` (nanoseconds since the epoch),
 * and not one that got its number later. Its cgroup says so; and if somebody has moved it to another cgroup, its age.
 */
export function isFirstProcess(
  parts: Pick<PodParts, 'cgroups'>,
  { cgroup }: Pick<ContainerRecord, 'cgroup'>,
  { pid, startedAt }: { readonly pid: number; readonly startedAt: bigint },
): boolean {
  if (parts.cgroups.pids(cgroup).includes(pid)) return true
  // As long as the cgroup is there, a process outside of it is most likely another.
  if (parts.cgroups.exists(cgroup)) return false
  const since = startOfProcess(pid)
  return since !== undefined && startedAt > 0n && since <= startedAt
}

import { closeSync } from 'node:fs'
import { openPidfdIfThere } from '../linux/pidfd.ts'
import { isEnding, startOfProcess } from '../linux/process-stat.ts'
import type { ExitStatus } from '../linux/reaper.ts'
import { processEnd, watchProcess } from '../linux/watch-process.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { readEnding, writeEnding } from './ending.ts'
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

/**
 * Resolves when the first process of the container has ended, reaped or not, whoever is to tell of it; at once when there is
 * none. `signal` gives the waiting up.
 */
export async function firstProcessEnd(
  parts: Pick<PodParts, 'cgroups'>,
  container: ContainerRecord,
  signal: AbortSignal,
): Promise<void> {
  const { state } = container
  if (!('pid' in state)) return
  const pidfd = openPidfdIfThere(state.pid)
  if (pidfd === undefined) return
  try {
    // One that is on its way out is not among the pids of its cgroup any more.
    if (isFirstProcess(parts, container, state) || isEnding(state.pid)) await processEnd(pidfd, signal)
  } finally {
    closeSync(pidfd)
  }
}

/**
 * Waits for the first process of a container in the place of its shim: how it ended, undefined when nobody can tell or `signal`
 * gives the waiting up. The kernel tells it once, and whoever asked may die before it has made use of it: it is kept.
 */
export async function firstProcessStatus(
  parts: PodParts,
  container: ContainerRecord,
  process: { readonly pid: number; readonly startedAt: bigint },
  signal: AbortSignal,
): Promise<ExitStatus | undefined> {
  const { bundle } = parts.layout.container(container.id)
  const known = readEnding(bundle)
  if (known) return known
  const isStill = () => isFirstProcess(parts, container, process)
  const status = await watchProcess(parts.reaper, process.pid, isStill, parts.pipes.process(container.id), signal)
  if (status) writeEnding(bundle, status)
  return status
}

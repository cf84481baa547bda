import { type CgroupLayout, readCgroupLayout } from './layout.ts'
import type { CgroupLimits } from './limits.ts'
import type { CgroupDetails, CgroupUsage } from './usage.ts'
import { CgroupsV1 } from './v1.ts'
import { CgroupsV2 } from './v2.ts'

/**
 * The control groups of containers and pods, whichever version the machine has. A path is that of the cgroup inside its
 * hierarchy, as `/kubepods/besteffort/pod…/<id>` (`names.ts` makes it of what the kubelet says).
 *
 * Nothing outside the given path is ever touched: `/` and paths with `..` are refused with invalid-argument.
 */
export interface Cgroups {
  readonly version: 1 | 2

  /** Whether there is such a cgroup (in any hierarchy). */
  exists(path: string): boolean

  /** The names of the cgroups directly below (in any hierarchy); empty when there is no such cgroup. */
  children(path: string): string[]

  /** The processes in the cgroup and below it, in no order; empty when there is no such cgroup. */
  pids(path: string): number[]

  /** How many processes there are in the cgroup and below it, for statistics. */
  processCount(path: string): number

  /**
   * Kills every process in the cgroup and below, those that are being forked too, and returns when all are gone.
   * Throws deadline-exceeded, with the pids, when some are still there after `timeoutMs` (default 10 s): they hang in the kernel.
   */
  kill(path: string, timeoutMs?: number): Promise<void>

  /**
   * Removes the cgroup and those below, in every hierarchy; no error when there is none. A cgroup stays busy for a moment
   * after its last process: tried for `timeoutMs` (default 2 s), then failed-precondition with the pids that hold it.
   */
  remove(path: string, timeoutMs?: number): Promise<void>

  /**
   * Moves a process, with all its threads, into the cgroup, which is made if it is not there. Throws ESRCH when the process
   * has ended.
   */
  place(path: string, pid: number): void

  /** How many processes the kernel has killed there for want of memory; 0 when that is not known. */
  oomKills(path: string): number

  /** What the cgroup uses and has used; a part is absent when the machine does not count it. About 50 µs. */
  usage(path: string): CgroupUsage

  /** What only metrics show. */
  details(path: string): CgroupDetails

  /**
   * Changes limits: all that are given, or none. Throws failed-precondition when the cgroup is gone, or uses more memory
   * than it would be allowed and the kernel cannot reclaim it; unknown when the kernel refuses a value.
   *
   * @param sharesBefore the CPU shares so far, 0 when not known; decides how shares become a weight on version 2
   */
  limit(path: string, limits: CgroupLimits, sharesBefore: number): Promise<void>
}

/** The cgroups of this machine. */
export function detectCgroups(layout: CgroupLayout = readCgroupLayout()): Cgroups {
  return layout.version === 2 ? new CgroupsV2(layout.root) : new CgroupsV1(layout)
}

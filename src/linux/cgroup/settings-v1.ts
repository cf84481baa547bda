import type { CgroupLimits } from './limits.ts'
import type { Setting } from './settings.ts'

/** Reads and names the files of one cgroup in the hierarchies of version 1. */
export interface V1Files {
  /** Undefined when there is no such hierarchy. */
  folder(controller: string): string | undefined
  number(controller: string, file: string): number
}

/** The files that hold these limits, in an order in which the kernel takes each of them. */
export function v1Settings(files: V1Files, limits: CgroupLimits): Setting[] {
  const setting = (controller: string, file: string, value: number | string | undefined): Setting[] =>
    value === undefined
      ? []
      : [{ folder: files.folder(controller) ?? `(no ${controller})`, file, value: String(value) }]
  const { memory = {}, cpu = {}, hugepageLimits = [] } = limits

  const limit = setting('memory', 'memory.limit_in_bytes', memory.limit)
  const both = setting('memory', 'memory.memsw.limit_in_bytes', memory.swap)
  // The sum must never be less than the memory alone.
  const raised =
    (memory.swap ?? 0) === -1 || (memory.swap ?? 0) >= files.number('memory', 'memory.memsw.limit_in_bytes')

  const period = setting('cpu', 'cpu.cfs_period_us', cpu.period)
  const quota = setting('cpu', 'cpu.cfs_quota_us', cpu.quota)
  // Quota by period must never be more than the cgroup above allows, in between neither.
  const longer = (cpu.period ?? 0) >= files.number('cpu', 'cpu.cfs_period_us')

  return [
    ...(raised ? [...both, ...limit] : [...limit, ...both]),
    ...setting('cpu', 'cpu.shares', cpu.shares),
    ...(longer ? [...period, ...quota] : [...quota, ...period]),
    ...setting('cpuset', 'cpuset.cpus', cpu.cpus),
    ...setting('cpuset', 'cpuset.mems', cpu.mems),
    ...hugepageLimits.flatMap((each) => setting('hugetlb', `hugetlb.${each.pageSize}.limit_in_bytes`, each.limit)),
  ]
}

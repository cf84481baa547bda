import { readIfThere } from './tree.ts'
import type { CgroupLimits } from './limits.ts'
import type { Setting } from './settings.ts'
import { weightOf } from './weight.ts'

/**
 * The files of a cgroup that hold these limits.
 *
 * @param sharesBefore what `cpu.shares` was, as the OCI runtime got it; tells how that runtime converts shares
 */
export function v2Settings(folder: string, limits: CgroupLimits, sharesBefore: number): Setting[] {
  const setting = (file: string, value: string | undefined): Setting[] =>
    value === undefined ? [] : [{ folder, file, value }]
  const read = (file: string) => readIfThere(folder, file)?.trim()
  const { cpu = {}, hugepageLimits = [], unified = {} } = limits
  const weight = Number(read('cpu.weight'))
  const shares = cpu.shares === undefined ? undefined : weightOf(cpu.shares, { shares: sharesBefore, weight })
  return [
    ...setting('memory.max', maxOr(limits.memory?.limit)),
    ...setting('memory.swap.max', swapMax(limits.memory, Number(read('memory.max')))),
    ...setting('cpu.weight', shares === undefined ? undefined : String(shares)),
    ...setting('cpu.max', cpuMax(cpu, read('cpu.max') ?? 'max 100000')),
    ...setting('cpuset.cpus', cpu.cpus),
    ...setting('cpuset.mems', cpu.mems),
    ...hugepageLimits.flatMap(({ pageSize, limit }) => setting(`hugetlb.${pageSize}.max`, String(limit))),
    ...Object.entries(unified).flatMap(([file, value]) => setting(file, value)),
  ]
}

function maxOr(limit: number | undefined): string | undefined {
  return limit === -1 ? 'max' : limit?.toString()
}

/** Version 2 limits swap alone, the runtime-spec memory and swap together. `now` is the memory limit in force, or NaN. */
function swapMax(memory: CgroupLimits['memory'], now: number): string | undefined {
  const { limit = Number.isNaN(now) ? -1 : now, swap } = memory ?? {}
  if (swap === undefined) return undefined
  return swap === -1 || limit === -1 ? 'max' : String(Math.max(0, swap - limit))
}

/** `quota period`; what is not given stays. */
function cpuMax({ quota, period }: NonNullable<CgroupLimits['cpu']>, now: string): string | undefined {
  if (quota === undefined && period === undefined) return undefined
  const [quotaNow, periodNow] = now.split(' ')
  return `${maxOr(quota) ?? quotaNow} ${period ?? periodNow}`
}

import type { CgroupUsage } from '../linux/cgroup/usage.ts'

/** What several cgroups use together. Pressure does not add up, and a sum has a limit only when every part has one. */
export function sumUsage(usages: readonly CgroupUsage[]): CgroupUsage | undefined {
  if (usages.length === 0) return undefined
  const cpus = usages.flatMap(({ cpu }) => cpu ?? [])
  const memories = usages.flatMap(({ memory }) => memory ?? [])
  const swaps = usages.flatMap(({ swap }) => swap ?? [])
  const pids = usages.flatMap((usage) => usage.pids ?? [])
  return {
    ...(cpus.length > 0 && { cpu: { usageNs: cpus.reduce((sum, { usageNs }) => sum + usageNs, 0n) } }),
    ...(memories.length > 0 && {
      memory: {
        usage: sum(memories.map(({ usage }) => usage)),
        workingSet: sum(memories.map(({ workingSet }) => workingSet)),
        rss: sum(memories.map(({ rss }) => rss)),
        pageFaults: sum(memories.map(({ pageFaults }) => pageFaults)),
        majorPageFaults: sum(memories.map(({ majorPageFaults }) => majorPageFaults)),
        ...sumOfLimits(memories),
      },
    }),
    ...(swaps.length > 0 && { swap: { usage: sum(swaps.map(({ usage }) => usage)), ...sumOfLimits(swaps) } }),
    ...(pids.length > 0 && { pids: { current: sum(pids.map(({ current }) => current)) } }),
  }
}

function sumOfLimits(parts: readonly { readonly limit?: number }[]): { readonly limit?: number } {
  const limits = parts.flatMap(({ limit }) => limit ?? [])
  return limits.length === parts.length ? { limit: sum(limits) } : {}
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

import { clone, create } from '@bufbuild/protobuf'
import { type LinuxContainerResources, LinuxContainerResourcesSchema } from '../../gen/cri_pb.ts'
import type { LinuxResources } from '../../gen/nri_pb.ts'
import { failedPrecondition } from '../../lib/errors.ts'

/**
 * The limits that a plugin sets for a container that is there, as the CRI would ask for them.
 *
 * @param asked what else is asked for
 * Throws failed-precondition for what cannot be changed any more once a container is there.
 */
export function criResources(set: LinuxResources, asked?: LinuxContainerResources): LinuxContainerResources {
  const fixed = fixedFields(set)
  if (fixed.length > 0) {
    throw failedPrecondition(
      `an NRI plugin sets ${fixed.join(', ')} of a container that is there: only at its creation`,
    )
  }
  const result = asked ? clone(LinuxContainerResourcesSchema, asked) : create(LinuxContainerResourcesSchema)
  const { memory, cpu, hugepageLimits, unified } = set
  if (memory?.limit) result.memoryLimitInBytes = memory.limit.value
  if (memory?.swap) result.memorySwapLimitInBytes = memory.swap.value
  if (cpu?.shares) result.cpuShares = cpu.shares.value
  if (cpu?.quota) result.cpuQuota = cpu.quota.value
  if (cpu?.period) result.cpuPeriod = cpu.period.value
  if (cpu?.cpus) result.cpusetCpus = cpu.cpus
  if (cpu?.mems) result.cpusetMems = cpu.mems
  const pages = new Map(result.hugepageLimits.map((limit) => [limit.pageSize, limit]))
  for (const { pageSize, limit } of hugepageLimits) {
    pages.set(pageSize, { $typeName: 'runtime.v1.HugepageLimit', pageSize, limit })
  }
  result.hugepageLimits = [...pages.values()]
  Object.assign(result.unified, unified)
  return result
}

/** Empty classes set nothing. */
function fixedFields({ memory, cpu, blockioClass, rdtClass, pids, devices }: LinuxResources): string[] {
  const given: [string, unknown][] = [
    ['a memory reservation', memory?.reservation],
    ['a limit on kernel memory', memory?.kernel ?? memory?.kernelTcp],
    ['swappiness', memory?.swappiness],
    ['what the OOM killer does', memory?.disableOomKiller],
    ['use_hierarchy', memory?.useHierarchy],
    ['realtime CPU', cpu?.realtimeRuntime ?? cpu?.realtimePeriod],
    ['a block I/O class', blockioClass?.value],
    ['an RDT class', rdtClass?.value],
    ['a limit on processes', pids],
    ['rules for devices', devices.length > 0],
  ]
  return given.filter(([, value]) => value).map(([name]) => name)
}

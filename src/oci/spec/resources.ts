import type { LinuxContainerResources } from '../../gen/cri_pb.ts'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'
import type { Cpu, DeviceRule, LinuxResources, Memory } from '../runtime-spec.ts'
import { safeNumber } from './checks.ts'

/** What of the host decides how limits can be written. */
export interface ResourceFacts {
  readonly cgroupVersion: 1 | 2
  readonly swapLimit: boolean
  readonly hugetlb: boolean
}

/**
 * The cgroup limits of a container; 0 and absent mean no limit in the CRI. Without a swap limit of its own, a container
 * with a memory limit gets no swap (the sum of memory and swap is the memory limit). Huge page limits are left out where
 * there is no such controller, since the kubelet always sends them.
 *
 * @param resources as in CreateContainer and UpdateContainerResources
 */
export function cgroupLimits(
  resources: LinuxContainerResources | undefined,
  host: ResourceFacts,
  pidsLimit?: number,
): LinuxResources {
  const pids = pidsLimit === undefined || pidsLimit <= 0 ? {} : { pids: { limit: pidsLimit } }
  if (!resources) return pids
  const memory = memoryLimits(resources, host.swapLimit)
  const cpu = cpuLimits(resources)
  const unified = unifiedSettings(resources.unified, host.cgroupVersion)
  const hugepages = host.hugetlb
    ? resources.hugepageLimits.map(({ pageSize, limit }) => ({
        pageSize: hugepageSize(pageSize),
        limit: safeNumber('resources.hugepage_limits', limit),
      }))
    : []
  return {
    ...pids,
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(hugepages.length > 0 && { hugepageLimits: hugepages }),
    ...(Object.keys(unified).length > 0 && { unified }),
  }
}

function memoryLimits(resources: LinuxContainerResources, swapLimit: boolean): Memory {
  const limit = atLeast('memory_limit_in_bytes', resources.memoryLimitInBytes, -1)
  const swap = atLeast('memory_swap_limit_in_bytes', resources.memorySwapLimitInBytes, -1)
  if (swap > 0 && (limit === -1 || swap < limit)) {
    throw invalidArgument(
      'resources.memory_swap_limit_in_bytes is memory and swap together: it cannot be less than memory_limit_in_bytes',
    )
  }
  const total = swap !== 0 ? swap : limit
  return {
    ...(limit !== 0 && { limit }),
    ...(total !== 0 && swapLimit && { swap: total }),
  }
}

function cpuLimits(resources: LinuxContainerResources): Cpu {
  const period = atLeast('cpu_period', resources.cpuPeriod, 0)
  const quota = atLeast('cpu_quota', resources.cpuQuota, -1)
  const shares = atLeast('cpu_shares', resources.cpuShares, 0)
  const cpus = cpuSet('cpuset_cpus', resources.cpusetCpus)
  const mems = cpuSet('cpuset_mems', resources.cpusetMems)
  return {
    ...(period !== 0 && { period }),
    ...(quota !== 0 && { quota }),
    ...(shares !== 0 && { shares }),
    ...(cpus !== '' && { cpus }),
    ...(mems !== '' && { mems }),
  }
}

/** The files of the container's cgroup to write; a name with a slash would leave the cgroup. */
function unifiedSettings(unified: Readonly<Record<string, string>>, version: 1 | 2): Readonly<Record<string, string>> {
  const names = Object.keys(unified)
  for (const name of names) {
    if (!/^[a-z0-9_]+(\.[a-zA-Z0-9_]+)+$/.test(name)) {
      throw invalidArgument(`resources.unified: ${JSON.stringify(name)} is not the name of a cgroup v2 file`)
    }
  }
  if (names.length > 0 && version !== 2) {
    throw failedPrecondition(`resources.unified (${names.join(', ')}) needs cgroup v2, and this host has v1`)
  }
  return unified
}

/** A list of numbers and ranges, cpuset(7) "List format". */
function cpuSet(field: string, value: string): string {
  if (value !== '' && !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(value)) {
    throw invalidArgument(`resources.${field}: ${JSON.stringify(value)} is not a list such as 0-2,7`)
  }
  return value
}

function hugepageSize(value: string): string {
  if (/^\d+[KMGT]B$/.test(value)) return value
  throw invalidArgument(`resources.hugepage_limits: ${JSON.stringify(value)} is not a page size such as 2MB`)
}

function atLeast(field: string, value: bigint, least: number): number {
  const number = safeNumber(`resources.${field}`, value)
  if (number < least) throw invalidArgument(`resources.${field} is ${value}, less than ${least}`)
  return number
}

/**
 * What device nodes the container may use: nothing, then what it was given. The runtime itself adds /dev/null, zero, full,
 * random, urandom, tty, console, ptmx and pts (runtime-spec, "Default Devices").
 */
export function deviceRules(given: readonly DeviceRule[], all: boolean): DeviceRule[] {
  return all ? [{ allow: true, access: 'rwm' }] : [{ allow: false, access: 'rwm' }, ...given]
}

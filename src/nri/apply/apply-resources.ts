import type { LinuxResources as ResourcesMessage } from '../../gen/nri_pb.ts'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'
import type { HostFacts } from '../../oci/host-facts.ts'
import type { Cpu, DeviceRule, Memory, Spec } from '../../oci/runtime-spec.ts'
import { safeNumber } from '../../oci/spec/checks.ts'

/** The limits of the container: what a plugin sets takes the place of what was there. */
export function withResources(spec: Spec, changes: ResourcesMessage | undefined, host: HostFacts): Spec {
  if (!changes) return spec
  const before = spec.linux.resources
  refuseBlockio(changes)
  const memory = { ...before.memory, ...memoryOf(changes, host) }
  const cpu = { ...before.cpu, ...cpuOf(changes) }
  const hugepageLimits = hugepagesOf(before.hugepageLimits ?? [], changes, host)
  const unified = { ...before.unified, ...unifiedOf(changes, host) }
  const devices = [...(before.devices ?? []), ...changes.devices.map(ruleOf)]
  const { pids: pidsBefore, ...rest } = before
  const pids = changes.pids ? { limit: safeNumber('pids.limit', changes.pids.limit) } : pidsBefore
  return {
    ...spec,
    linux: {
      ...spec.linux,
      resources: {
        ...rest,
        ...(devices.length > 0 && { devices }),
        ...(Object.keys(memory).length > 0 && { memory }),
        ...(Object.keys(cpu).length > 0 && { cpu }),
        ...(pids && { pids }),
        ...(hugepageLimits.length > 0 && { hugepageLimits }),
        ...(Object.keys(unified).length > 0 && { unified }),
      },
    },
  }
}

/** An empty class is that of everybody. */
export function refuseBlockio(changes: ResourcesMessage): void {
  if (!changes.blockioClass?.value) return
  throw failedPrecondition(
    `an NRI plugin sets the block I/O class "${changes.blockioClass.value}"; this node has no such classes`,
  )
}

/** A limit without one on memory and swap together allows no swap, as everywhere in Berth; 0 is none. */
function memoryOf({ memory }: ResourcesMessage, { swapLimit }: HostFacts): Memory {
  if (!memory) return {}
  const { limit, swap, reservation, kernel, kernelTcp, swappiness, disableOomKiller, useHierarchy } = memory
  const total = swap ?? limit
  return {
    ...(limit?.value && { limit: safeNumber('memory.limit', limit.value) }),
    ...(total?.value && swapLimit && { swap: safeNumber('memory.swap', total.value) }),
    ...(reservation && { reservation: safeNumber('memory.reservation', reservation.value) }),
    ...(kernel && { kernel: safeNumber('memory.kernel', kernel.value) }),
    ...(kernelTcp && { kernelTCP: safeNumber('memory.kernel_tcp', kernelTcp.value) }),
    ...(swappiness && { swappiness: safeNumber('memory.swappiness', swappiness.value) }),
    ...(disableOomKiller && { disableOOMKiller: disableOomKiller.value }),
    ...(useHierarchy && { useHierarchy: useHierarchy.value }),
  }
}

function cpuOf({ cpu }: ResourcesMessage): Cpu {
  if (!cpu) return {}
  const { shares, quota, period, realtimeRuntime, realtimePeriod, cpus, mems } = cpu
  return {
    ...(shares && { shares: safeNumber('cpu.shares', shares.value) }),
    ...(quota && { quota: safeNumber('cpu.quota', quota.value) }),
    ...(period && { period: safeNumber('cpu.period', period.value) }),
    ...(realtimeRuntime && { realtimeRuntime: safeNumber('cpu.realtime_runtime', realtimeRuntime.value) }),
    ...(realtimePeriod && { realtimePeriod: safeNumber('cpu.realtime_period', realtimePeriod.value) }),
    ...(cpus !== '' && { cpus }),
    ...(mems !== '' && { mems }),
  }
}

function hugepagesOf(
  before: readonly { readonly pageSize: string; readonly limit: number }[],
  { hugepageLimits }: ResourcesMessage,
  { hugetlb }: HostFacts,
) {
  if (!hugetlb) return [...before]
  const taken = new Set(hugepageLimits.map(({ pageSize }) => pageSize))
  const added = hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit: safeNumber('hugepage_limits', limit) }))
  return [...before.filter(({ pageSize }) => !taken.has(pageSize)), ...added]
}

function unifiedOf({ unified }: ResourcesMessage, { cgroupVersion }: HostFacts): Readonly<Record<string, string>> {
  const names = Object.keys(unified)
  const wrong = names.find((name) => !/^[a-z0-9_]+(\.[a-zA-Z0-9_]+)+$/.test(name))
  if (wrong !== undefined) {
    throw invalidArgument(`an NRI plugin sets ${JSON.stringify(wrong)}, which is not the name of a cgroup v2 file`)
  }
  if (names.length > 0 && cgroupVersion !== 2) {
    throw failedPrecondition(`an NRI plugin sets ${names.join(', ')}, which needs cgroup v2, and this host has v1`)
  }
  return unified
}

function ruleOf({ allow, type, major, minor, access }: ResourcesMessage['devices'][number]): DeviceRule {
  if (type !== '' && type !== 'a' && type !== 'b' && type !== 'c') {
    throw invalidArgument(`an NRI plugin sets a rule for devices of type ${JSON.stringify(type)}, which is none`)
  }
  return {
    allow,
    ...(type !== '' && { type }),
    ...(major && { major: safeNumber('devices.major', major.value) }),
    ...(minor && { minor: safeNumber('devices.minor', minor.value) }),
    access,
  }
}

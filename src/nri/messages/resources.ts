import { create, type MessageInitShape } from '@bufbuild/protobuf'
import type { LinuxContainerResources } from '../../gen/cri_pb.ts'
import { type LinuxResources as ResourcesMessage, LinuxResourcesSchema } from '../../gen/nri_pb.ts'
import type { LinuxResources } from '../../oci/runtime-spec.ts'

/** Resources as the CRI has them. Those that the CRI counts as not given are left out. */
export function resourcesOfCri(resources: LinuxContainerResources | undefined): ResourcesMessage | undefined {
  if (!resources) return undefined
  const { cpuShares, cpuQuota, cpuPeriod, cpusetCpus, cpusetMems } = resources
  const { memoryLimitInBytes, memorySwapLimitInBytes, hugepageLimits, unified } = resources
  return create(LinuxResourcesSchema, {
    cpu: {
      ...(cpuShares !== 0n && { shares: { value: cpuShares } }),
      ...(cpuQuota !== 0n && { quota: { value: cpuQuota } }),
      ...(cpuPeriod !== 0n && { period: { value: cpuPeriod } }),
      cpus: cpusetCpus,
      mems: cpusetMems,
    },
    memory: {
      ...(memoryLimitInBytes !== 0n && { limit: { value: memoryLimitInBytes } }),
      ...(memorySwapLimitInBytes !== 0n && { swap: { value: memorySwapLimitInBytes } }),
    },
    hugepageLimits: hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit })),
    unified: { ...unified },
  })
}

/** Resources as config.json has them. */
export function resourcesOfSpec(resources: LinuxResources): ResourcesMessage {
  const { memory = {}, cpu = {}, pids, hugepageLimits = [], unified = {}, devices = [] } = resources
  return create(LinuxResourcesSchema, {
    memory: {
      ...big('limit', memory.limit),
      ...big('reservation', memory.reservation),
      ...big('swap', memory.swap),
      ...big('kernel', memory.kernel),
      ...big('kernelTcp', memory.kernelTCP),
      ...big('swappiness', memory.swappiness),
      ...flag('disableOomKiller', memory.disableOOMKiller),
      ...flag('useHierarchy', memory.useHierarchy),
    },
    cpu: {
      ...big('shares', cpu.shares),
      ...big('quota', cpu.quota),
      ...big('period', cpu.period),
      ...big('realtimeRuntime', cpu.realtimeRuntime),
      ...big('realtimePeriod', cpu.realtimePeriod),
      cpus: cpu.cpus ?? '',
      mems: cpu.mems ?? '',
    },
    ...(pids && { pids: { limit: BigInt(pids.limit) } }),
    hugepageLimits: hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit: BigInt(limit) })),
    unified: { ...unified },
    devices: devices.map(({ allow, type, major, minor, access }) => ({
      allow,
      type: type ?? '',
      access,
      ...big('major', major),
      ...big('minor', minor),
    })),
  } satisfies MessageInitShape<typeof LinuxResourcesSchema>)
}

type Big<Key extends string> = { [Name in Key]?: { value: bigint } }

function big<Key extends string>(key: Key, value: number | undefined): Big<Key> {
  return value === undefined ? {} : ({ [key]: { value: BigInt(value) } } as Big<Key>)
}

type Flag<Key extends string> = { [Name in Key]?: { value: boolean } }

function flag<Key extends string>(key: Key, value: boolean | undefined): Flag<Key> {
  return value === undefined ? {} : ({ [key]: { value } } as Flag<Key>)
}

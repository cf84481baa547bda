import { clone, create } from '@bufbuild/protobuf'
import {
  type ContainerConfig,
  ContainerConfigSchema,
  LinuxContainerConfigSchema,
  LinuxContainerResourcesSchema,
} from '../gen/cri_pb.ts'
import { type CgroupDriver, cgroupAt } from '../linux/cgroup/names.ts'
import type { LinuxResources, Spec } from '../oci/runtime-spec.ts'
import type { ContainerRecord } from '../state/container-record.ts'

/** The record of a container whose config.json NRI plugins have changed: it tells the limits and the cgroup that it really has. */
export function recordOfAdjusted(
  record: ContainerRecord,
  before: Spec,
  after: Spec,
  driver: CgroupDriver,
): ContainerRecord {
  if (after === before) return record
  const moved = after.linux.cgroupsPath !== before.linux.cgroupsPath
  return {
    ...record,
    config: adjustedConfig(record.config, before, after),
    ...(moved && { cgroup: cgroupAt(after.linux.cgroupsPath, driver) }),
  }
}

function adjustedConfig(config: ContainerConfig, before: Spec, after: Spec): ContainerConfig {
  const changed = clone(ContainerConfigSchema, config)
  changed.linux ??= create(LinuxContainerConfigSchema)
  const resources = (changed.linux.resources ??= create(LinuxContainerResourcesSchema))
  const was = limitsOf(before.linux.resources)
  const limits = limitsOf(after.linux.resources)
  for (const key of ['cpuShares', 'cpuQuota', 'cpuPeriod', 'memoryLimitInBytes', 'memorySwapLimitInBytes'] as const) {
    if (limits[key] !== was[key]) resources[key] = limits[key]
  }
  for (const key of ['cpusetCpus', 'cpusetMems'] as const) if (limits[key] !== was[key]) resources[key] = limits[key]
  const { oomScoreAdj } = after.process
  if (oomScoreAdj !== before.process.oomScoreAdj) resources.oomScoreAdj = BigInt(oomScoreAdj ?? 0)
  const { hugepageLimits, unified } = after.linux.resources
  if (hugepageLimits) {
    resources.hugepageLimits = hugepageLimits.map(({ pageSize, limit }) => {
      return { $typeName: 'runtime.v1.HugepageLimit' as const, pageSize, limit: BigInt(limit) }
    })
  }
  if (unified) resources.unified = { ...unified }
  return changed
}

/** As the CRI counts: 0 and empty are none. */
function limitsOf({ cpu, memory }: LinuxResources) {
  return {
    cpuShares: BigInt(cpu?.shares ?? 0),
    cpuQuota: BigInt(cpu?.quota ?? 0),
    cpuPeriod: BigInt(cpu?.period ?? 0),
    cpusetCpus: cpu?.cpus ?? '',
    cpusetMems: cpu?.mems ?? '',
    memoryLimitInBytes: BigInt(memory?.limit ?? 0),
    memorySwapLimitInBytes: BigInt(memory?.swap ?? 0),
  }
}

import { create } from '@bufbuild/protobuf'
import {
  Field,
  type LinuxCPU,
  LinuxCPUSchema,
  type LinuxMemory,
  LinuxMemorySchema,
  type LinuxResources,
} from '../../gen/nri_pb.ts'
import type { Claim } from './owners.ts'

const memoryFields = [
  ['limit', Field.MemLimit],
  ['reservation', Field.MemReservation],
  ['swap', Field.MemSwapLimit],
  ['kernel', Field.MemKernelLimit],
  ['kernelTcp', Field.MemTCPLimit],
  ['swappiness', Field.MemSwappiness],
  ['disableOomKiller', Field.MemDisableOomKiller],
  ['useHierarchy', Field.MemUseHierarchy],
] as const satisfies readonly (readonly [keyof LinuxMemory, Field])[]

const cpuFields = [
  ['shares', Field.CPUShares],
  ['quota', Field.CPUQuota],
  ['period', Field.CPUPeriod],
  ['realtimeRuntime', Field.CPURealtimeRuntime],
  ['realtimePeriod', Field.CPURealtimePeriod],
  ['cpus', Field.CPUSetCPUs],
  ['mems', Field.CPUSetMems],
] as const satisfies readonly (readonly [keyof LinuxCPU, Field])[]

const otherFields = [
  ['blockioClass', Field.BlockioClass],
  ['rdtClass', Field.RdtClass],
  ['pids', Field.PidsLimit],
] as const satisfies readonly (readonly [keyof LinuxResources, Field])[]

/** What these resources set. */
export function resourceClaims(from: LinuxResources): Claim[] {
  return [
    ...memoryFields.flatMap(([name, field]) => (isSet(from.memory?.[name]) ? [{ field }] : [])),
    ...cpuFields.flatMap(([name, field]) => (isSet(from.cpu?.[name]) ? [{ field }] : [])),
    ...from.hugepageLimits.map(({ pageSize }) => ({ field: Field.HugepageLimits, key: pageSize })),
    ...Object.keys(from.unified).map((key) => ({ field: Field.CgroupsUnified, key })),
    ...otherFields.flatMap(([name, field]) => (isSet(from[name]) ? [{ field }] : [])),
  ]
}

/** Sets in `into` what `from` sets. */
export function mergeResources(into: LinuxResources, from: LinuxResources): void {
  for (const [name] of memoryFields) {
    if (isSet(from.memory?.[name]))
      Object.assign((into.memory ??= create(LinuxMemorySchema)), { [name]: from.memory[name] })
  }
  for (const [name] of cpuFields) {
    if (isSet(from.cpu?.[name])) Object.assign((into.cpu ??= create(LinuxCPUSchema)), { [name]: from.cpu[name] })
  }
  for (const limit of from.hugepageLimits) {
    into.hugepageLimits = [...into.hugepageLimits.filter(({ pageSize }) => pageSize !== limit.pageSize), limit]
  }
  Object.assign(into.unified, from.unified)
  into.devices.push(...from.devices)
  for (const [name] of otherFields) if (isSet(from[name])) Object.assign(into, { [name]: from[name] })
}

/** Texts have no wrapper that could be absent: an empty one is not set. */
function isSet<T>(value: T | undefined): value is T {
  return value !== undefined && value !== ''
}

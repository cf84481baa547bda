import type { MessageInitShape } from '@bufbuild/protobuf'
import type {
  CpuUsageSchema,
  IoUsageSchema,
  MemoryUsageSchema,
  PsiDataSchema,
  PsiStatsSchema,
  SwapUsageSchema,
} from '../../gen/cri_pb.ts'
import type { CgroupUsage, Pressure, PressureLine } from '../../linux/cgroup/usage.ts'

/** Parts of the stats messages. What the machine does not count is absent, not 0. */

export function cpuUsage(
  timestamp: bigint,
  { cpu, pressure }: CgroupUsage,
  rate: bigint | undefined,
): MessageInitShape<typeof CpuUsageSchema> {
  return {
    timestamp,
    ...(cpu && { usageCoreNanoSeconds: { value: cpu.usageNs } }),
    ...(rate !== undefined && { usageNanoCores: { value: rate } }),
    ...psi(pressure?.cpu),
  }
}

export function memoryUsage(
  timestamp: bigint,
  { memory, pressure }: CgroupUsage,
): MessageInitShape<typeof MemoryUsageSchema> {
  return {
    timestamp,
    ...(memory && {
      workingSetBytes: { value: BigInt(memory.workingSet) },
      usageBytes: { value: BigInt(memory.usage) },
      rssBytes: { value: BigInt(memory.rss) },
      pageFaults: { value: BigInt(memory.pageFaults) },
      majorPageFaults: { value: BigInt(memory.majorPageFaults) },
    }),
    ...(memory?.limit !== undefined && { availableBytes: left(memory.limit, memory.workingSet) }),
    ...psi(pressure?.memory),
  }
}

export function swapUsage(timestamp: bigint, { swap }: CgroupUsage): MessageInitShape<typeof SwapUsageSchema> {
  return {
    timestamp,
    ...(swap && { swapUsageBytes: { value: BigInt(swap.usage) } }),
    ...(swap?.limit !== undefined && { swapAvailableBytes: left(swap.limit, swap.usage) }),
  }
}

export function ioUsage(timestamp: bigint, { pressure }: CgroupUsage): MessageInitShape<typeof IoUsageSchema> {
  return { timestamp, ...psi(pressure?.io) }
}

function left(limit: number, used: number): { readonly value: bigint } {
  return { value: BigInt(Math.max(0, limit - used)) }
}

function psi(pressure: Pressure | undefined): { readonly psi?: MessageInitShape<typeof PsiStatsSchema> } {
  if (!pressure) return {}
  return { psi: { Some: psiData(pressure.some), ...(pressure.full && { Full: psiData(pressure.full) }) } }
}

function psiData({ avg10, avg60, avg300, totalUs }: PressureLine): MessageInitShape<typeof PsiDataSchema> {
  return { Total: BigInt(totalUs) * 1000n, Avg10: avg10, Avg60: avg60, Avg300: avg300 }
}

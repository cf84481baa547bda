import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ContainerStatsSchema } from '../../gen/cri_pb.ts'
import type { ContainerSample } from '../../observe/sample.ts'
import { cpuUsage, ioUsage, memoryUsage, swapUsage } from './usage.ts'

/** What a container uses. Of one that does not run there is what it has written, and who it is. */
export function containerStats(sample: ContainerSample): MessageInitShape<typeof ContainerStatsSchema> {
  const { record, at, usage, cpuRate, layer, mountpoint } = sample
  const { metadata, labels, annotations } = record.config
  return {
    attributes: { id: record.id, metadata: metadata ?? {}, labels, annotations },
    ...(usage && {
      cpu: cpuUsage(at, usage, cpuRate),
      memory: memoryUsage(at, usage),
      swap: swapUsage(at, usage),
      io: ioUsage(at, usage),
    }),
    writableLayer: {
      timestamp: BigInt(layer.at) * 1_000_000n,
      fsId: { mountpoint },
      usedBytes: { value: BigInt(layer.bytes) },
      inodesUsed: { value: BigInt(layer.inodes) },
    },
  }
}

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { NetworkInterfaceUsageSchema, PodSandboxStatsSchema } from '../../gen/cri_pb.ts'
import type { InterfaceUsage } from '../../observe/network-usage.ts'
import type { SandboxSample } from '../../observe/sample.ts'
import { containerStats } from './container-stats.ts'
import { cpuUsage, ioUsage, memoryUsage } from './usage.ts'

/** The interface that the kubelet counts as the pod's, as CNI names it (`CNI_IFNAME`). */
const podInterface = 'eth0'

/** What a pod uses, with what its running containers use. */
export function sandboxStats(sample: SandboxSample): MessageInitShape<typeof PodSandboxStatsSchema> {
  const { record, at, usage, cpuRate, processes, network, containers } = sample
  const { metadata, labels, annotations } = record.config
  const main = network?.find(({ name }) => name === podInterface)
  return {
    attributes: { id: record.id, metadata: metadata ?? {}, labels, annotations },
    linux: {
      ...(usage && {
        cpu: cpuUsage(at, usage, cpuRate),
        memory: memoryUsage(at, usage),
        io: ioUsage(at, usage),
      }),
      ...(network && {
        network: {
          timestamp: at,
          ...(main && { defaultInterface: interfaceUsage(main) }),
          interfaces: network.filter((each) => each !== main).map(interfaceUsage),
        },
      }),
      process: { timestamp: at, processCount: { value: BigInt(processes) } },
      containers: containers.map(containerStats),
    },
  }
}

function interfaceUsage(usage: InterfaceUsage): MessageInitShape<typeof NetworkInterfaceUsageSchema> {
  return {
    name: usage.name,
    rxBytes: { value: BigInt(usage.received.bytes) },
    rxErrors: { value: BigInt(usage.received.errors) },
    txBytes: { value: BigInt(usage.sent.bytes) },
    txErrors: { value: BigInt(usage.sent.errors) },
  }
}

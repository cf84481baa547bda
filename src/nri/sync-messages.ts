import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { type Container, ContainerSchema, type PodSandbox, PodSandboxSchema } from '../gen/nri_pb.ts'
import { maxMessage } from './wire/ttrpc-frame.ts'

export interface SyncMessage {
  readonly pods: PodSandbox[]
  readonly containers: Container[]
  /** There are more messages after this one. */
  readonly more: boolean
}

/** Room for what surrounds the items of a message: names, lengths, the envelope of ttRPC. */
const reserve = 64 * 1024

/** Tag and length before each item. */
const perItem = 8

/** The pods and containers of a node in messages that a plugin can take; one at least. */
export function syncMessages(
  pods: readonly PodSandbox[],
  containers: readonly Container[],
  limit = maxMessage - reserve,
): SyncMessage[] {
  const messages: { pods: PodSandbox[]; containers: Container[] }[] = [{ pods: [], containers: [] }]
  let bytes = 0
  const room = <Desc extends DescMessage>(schema: Desc, item: MessageShape<Desc>) => {
    const size = toBinary(schema, item).length + perItem
    if (bytes > 0 && bytes + size > limit) {
      messages.push({ pods: [], containers: [] })
      bytes = 0
    }
    bytes += size
    return messages.at(-1) as (typeof messages)[number]
  }
  for (const pod of pods) room(PodSandboxSchema, pod).pods.push(pod)
  for (const container of containers) room(ContainerSchema, container).containers.push(container)
  return messages.map((message, at) => ({ ...message, more: at < messages.length - 1 }))
}

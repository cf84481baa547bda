import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ContainerFilter, ContainerSchema, RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import type { Services } from '../services.ts'
import { containerState, listedContainer } from '../shape/container.ts'
import { matchesLabels } from '../shape/label-selector.ts'

export const listContainers: HandlerOf<typeof RuntimeService, 'listContainers'> = (services, { filter }) => ({
  containers: filteredContainers(services, filter),
})

/** All parts of the filter must hold. */
export function filteredContainers(
  { pods, images }: Services,
  filter: ContainerFilter | undefined,
): MessageInitShape<typeof ContainerSchema>[] {
  return pods
    .containers()
    .filter(
      (record) =>
        record.id.startsWith(filter?.id ?? '') &&
        record.sandboxId.startsWith(filter?.podSandboxId ?? '') &&
        (filter?.state === undefined || filter.state.state === containerState(record)) &&
        matchesLabels(record.config.labels, filter?.labelSelector ?? {}),
    )
    .map((record) => listedContainer(record, images.status(record.imageId)))
}

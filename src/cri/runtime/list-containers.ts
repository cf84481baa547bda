import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ContainerFilter, ContainerSchema, RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import type { Services } from '../services.ts'
import { passesFilter } from '../shape/container-filter.ts'
import { containerState, listedContainer } from '../shape/container.ts'

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
    .filter((record) => passesFilter(record, filter))
    .filter((record) => filter?.state === undefined || filter.state.state === containerState(record))
    .map((record) => listedContainer(record, images.status(record.imageId)))
}

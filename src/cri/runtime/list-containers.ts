import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { containerState, listedContainer } from '../shape/container.ts'
import { matchesLabels } from '../shape/label-selector.ts'

/** All parts of the filter must hold. */
export const listContainers: HandlerOf<typeof RuntimeService, 'listContainers'> = ({ pods, images }, { filter }) => ({
  containers: pods
    .containers()
    .filter(
      (record) =>
        record.id.startsWith(filter?.id ?? '') &&
        record.sandboxId.startsWith(filter?.podSandboxId ?? '') &&
        (filter?.state === undefined || filter.state.state === containerState(record)) &&
        matchesLabels(record.config.labels, filter?.labelSelector ?? {}),
    )
    .map((record) => listedContainer(record, images.status(record.imageId))),
})

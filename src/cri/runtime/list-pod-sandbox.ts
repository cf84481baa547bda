import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { matchesLabels } from '../shape/label-selector.ts'
import { listedSandbox, sandboxState } from '../shape/sandbox.ts'

/** All parts of the filter must hold. */
export const listPodSandbox: HandlerOf<typeof RuntimeService, 'listPodSandbox'> = ({ pods }, { filter }) => ({
  items: pods
    .sandboxes()
    .filter(
      (record) =>
        record.id.startsWith(filter?.id ?? '') &&
        (filter?.state === undefined || filter.state.state === sandboxState(record)) &&
        matchesLabels(record.config.labels, filter?.labelSelector ?? {}),
    )
    .map(listedSandbox),
})

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { PodSandboxFilter, PodSandboxSchema, RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import type { Services } from '../services.ts'
import { matchesLabels } from '../shape/label-selector.ts'
import { listedSandbox, sandboxState } from '../shape/sandbox.ts'

export const listPodSandbox: HandlerOf<typeof RuntimeService, 'listPodSandbox'> = (services, { filter }) => ({
  items: filteredSandboxes(services, filter),
})

/** All parts of the filter must hold. */
export function filteredSandboxes(
  { pods }: Services,
  filter: PodSandboxFilter | undefined,
): MessageInitShape<typeof PodSandboxSchema>[] {
  return pods
    .sandboxes()
    .filter(
      (record) =>
        record.id.startsWith(filter?.id ?? '') &&
        (filter?.state === undefined || filter.state.state === sandboxState(record)) &&
        matchesLabels(record.config.labels, filter?.labelSelector ?? {}),
    )
    .map(listedSandbox)
}

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { PodSandboxStatsFilter, PodSandboxStatsSchema, RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import type { Services } from '../services.ts'
import { matchesLabels } from '../shape/label-selector.ts'
import { sandboxStats } from '../shape/sandbox-stats.ts'

export const listPodSandboxStats: HandlerOf<typeof RuntimeService, 'listPodSandboxStats'> = (services, { filter }) => ({
  stats: filteredSandboxStats(services, filter),
})

/** Those that are ready; all parts of the filter must hold. */
export function filteredSandboxStats(
  { pods, stats }: Services,
  filter: PodSandboxStatsFilter | undefined,
): MessageInitShape<typeof PodSandboxStatsSchema>[] {
  const wanted = pods
    .sandboxes()
    .filter(
      (record) =>
        record.state.phase === 'ready' &&
        record.id.startsWith(filter?.id ?? '') &&
        matchesLabels(record.config.labels, filter?.labelSelector ?? {}),
    )
  return stats.sandboxList(wanted).map(sandboxStats)
}

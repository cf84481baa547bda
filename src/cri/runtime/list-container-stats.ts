import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ContainerStatsFilter, ContainerStatsSchema, RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import type { Services } from '../services.ts'
import { passesFilter } from '../shape/container-filter.ts'
import { containerStats } from '../shape/container-stats.ts'

export const listContainerStats: HandlerOf<typeof RuntimeService, 'listContainerStats'> = (services, { filter }) => ({
  stats: filteredContainerStats(services, filter),
})

/** All parts of the filter must hold. */
export function filteredContainerStats(
  { pods, stats }: Services,
  filter: ContainerStatsFilter | undefined,
): MessageInitShape<typeof ContainerStatsSchema>[] {
  return pods
    .containers()
    .filter((record) => passesFilter(record, filter))
    .map((record) => containerStats(stats.container(record)))
}

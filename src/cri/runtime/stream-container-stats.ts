import { ContainerStatsSchema, type RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { pages } from '../pages.ts'
import { filteredContainerStats } from './list-container-stats.ts'

export const streamContainerStats: HandlerOf<typeof RuntimeService, 'streamContainerStats'> = function* (
  services,
  { filter },
) {
  const found = filteredContainerStats(services, filter)
  for (const containerStats of pages(ContainerStatsSchema, found)) yield { containerStats }
}

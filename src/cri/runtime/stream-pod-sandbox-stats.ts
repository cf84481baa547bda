import { PodSandboxStatsSchema, type RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { pages } from '../pages.ts'
import { filteredSandboxStats } from './list-pod-sandbox-stats.ts'

export const streamPodSandboxStats: HandlerOf<typeof RuntimeService, 'streamPodSandboxStats'> = function* (
  services,
  { filter },
) {
  const found = filteredSandboxStats(services, filter)
  for (const podSandboxStats of pages(PodSandboxStatsSchema, found)) yield { podSandboxStats }
}

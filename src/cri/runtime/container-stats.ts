import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { containerStats as shape } from '../shape/container-stats.ts'

export const containerStats: HandlerOf<typeof RuntimeService, 'containerStats'> = (
  { pods, stats },
  { containerId },
) => ({ stats: shape(stats.container(pods.container(containerId))) })

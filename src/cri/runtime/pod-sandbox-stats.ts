import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { sandboxStats } from '../shape/sandbox-stats.ts'

export const podSandboxStats: HandlerOf<typeof RuntimeService, 'podSandboxStats'> = (
  { pods, stats },
  { podSandboxId },
) => ({ stats: sandboxStats(stats.sandbox(pods.sandbox(podSandboxId))) })

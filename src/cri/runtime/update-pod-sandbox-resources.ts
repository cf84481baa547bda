import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

export const updatePodSandboxResources: HandlerOf<typeof RuntimeService, 'updatePodSandboxResources'> = (
  { pods },
  { podSandboxId, overhead, resources },
) => {
  pods.updateSandboxResources(podSandboxId, { ...(overhead && { overhead }), ...(resources && { resources }) })
  return {}
}

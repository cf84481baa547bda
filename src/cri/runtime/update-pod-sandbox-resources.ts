import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

export const updatePodSandboxResources: HandlerOf<typeof RuntimeService, 'updatePodSandboxResources'> = async (
  { pods },
  { podSandboxId, overhead, resources },
) => {
  await pods.updateSandboxResources(podSandboxId, { ...(overhead && { overhead }), ...(resources && { resources }) })
  return {}
}

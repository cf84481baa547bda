import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

export const stopPodSandbox: HandlerOf<typeof RuntimeService, 'stopPodSandbox'> = async ({ pods }, request) => {
  await pods.stopSandbox(request.podSandboxId)
  return {}
}

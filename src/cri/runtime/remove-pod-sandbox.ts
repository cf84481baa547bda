import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

export const removePodSandbox: HandlerOf<typeof RuntimeService, 'removePodSandbox'> = async ({ pods }, request) => {
  await pods.removeSandbox(request.podSandboxId)
  return {}
}

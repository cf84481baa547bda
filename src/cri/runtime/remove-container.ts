import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

export const removeContainer: HandlerOf<typeof RuntimeService, 'removeContainer'> = async ({ pods }, request) => {
  await pods.removeContainer(request.containerId)
  return {}
}

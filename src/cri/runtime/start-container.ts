import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

export const startContainer: HandlerOf<typeof RuntimeService, 'startContainer'> = async ({ pods }, request) => {
  await pods.startContainer(request.containerId)
  return {}
}

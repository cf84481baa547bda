import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

export const reopenContainerLog: HandlerOf<typeof RuntimeService, 'reopenContainerLog'> = async ({ pods }, request) => {
  await pods.reopenLog(request.containerId)
  return {}
}

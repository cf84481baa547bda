import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/** `timeout` is in seconds. */
export const stopContainer: HandlerOf<typeof RuntimeService, 'stopContainer'> = async ({ pods }, request) => {
  await pods.stopContainer(request.containerId, Number(request.timeout))
  return {}
}

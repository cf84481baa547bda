import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/** `timeout` is in seconds, 0 for Berth's default. */
export const checkpointContainer: HandlerOf<typeof RuntimeService, 'checkpointContainer'> = async (
  { pods },
  { containerId, location, timeout },
) => {
  await pods.checkpointContainer(containerId, location, Number(timeout))
  return {}
}

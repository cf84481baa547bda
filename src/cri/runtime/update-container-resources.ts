import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/** A request without Linux resources asks for nothing. */
export const updateContainerResources: HandlerOf<typeof RuntimeService, 'updateContainerResources'> = async (
  { pods },
  request,
) => {
  await pods.updateContainerResources(request.containerId, request.linux)
  return {}
}

import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/**
 * The sandbox configuration that comes along is the one that RunPodSandbox had, and not looked at again. The work goes on when
 * the client gives up: its retry joins it.
 */
export const createContainer: HandlerOf<typeof RuntimeService, 'createContainer'> = async ({ pods }, request) => ({
  containerId: await pods.createContainer(request.podSandboxId, request.config),
})

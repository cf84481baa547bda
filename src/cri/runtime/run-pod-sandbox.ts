import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/** The work goes on when the client gives up: its retry joins it. */
export const runPodSandbox: HandlerOf<typeof RuntimeService, 'runPodSandbox'> = async ({ pods }, request) => ({
  podSandboxId: await pods.runSandbox(request.config, request.runtimeHandler),
})

import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'

/** `timeout` is in seconds, 0 for none. The command ends when the client gives up. */
export const execSync: HandlerOf<typeof RuntimeService, 'execSync'> = ({ pods }, request, { signal }) =>
  pods.execSync(request.containerId, request.cmd, Number(request.timeout), signal)

import type { RuntimeService } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { HandlerOf } from '../handlers.ts'

/** Answers where connections to ports of the pod are taken. `port` may be empty: clients can name ports as they connect. */
export const portForward: HandlerOf<typeof RuntimeService, 'portForward'> = ({ pods, streaming }, request) => {
  for (const port of request.port) {
    if (port < 1 || port > 65535) throw invalidArgument(`port: ${port} is not between 1 and 65535`)
  }
  const { id } = pods.readySandbox(request.podSandboxId)
  return { url: streaming.url({ type: 'port-forward', sandboxId: id, ports: request.port }) }
}

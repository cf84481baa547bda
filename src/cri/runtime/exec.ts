import type { RuntimeService } from '../../gen/cri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { HandlerOf } from '../handlers.ts'
import { checkStreams } from '../shape/streams.ts'

/** Answers where the command's streams are; it is started when a client comes for them. */
export const exec: HandlerOf<typeof RuntimeService, 'exec'> = ({ pods, streaming }, request) => {
  const { cmd, tty, stdin, stdout, stderr } = request
  if (cmd.length === 0) throw invalidArgument('cmd is empty: there is nothing to run')
  checkStreams(request)
  const { id } = pods.runningContainer(request.containerId)
  return { url: streaming.url({ type: 'exec', containerId: id, command: cmd, tty, stdin, stdout, stderr }) }
}

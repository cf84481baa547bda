import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { checkStreams } from '../shape/streams.ts'

/** Answers where the container's streams are. */
export const attach: HandlerOf<typeof RuntimeService, 'attach'> = ({ pods, streaming }, request) => {
  const { tty, stdin, stdout, stderr } = request
  checkStreams(request)
  const { id } = pods.runningContainer(request.containerId)
  return { url: streaming.url({ type: 'attach', containerId: id, tty, stdin, stdout, stderr }) }
}

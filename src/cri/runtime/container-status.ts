import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { containerStatus as shape } from '../shape/container.ts'
import { verboseInfo } from '../shape/verbose.ts'

export const containerStatus: HandlerOf<typeof RuntimeService, 'containerStatus'> = (
  { pods, images },
  { containerId, verbose },
) => {
  const record = pods.container(containerId)
  return {
    status: shape(record, images.status(record.imageId)),
    ...verboseInfo(verbose, () => pods.describeContainer(record)),
  }
}

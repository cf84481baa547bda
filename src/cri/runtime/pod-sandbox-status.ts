import type { RuntimeService } from '../../gen/cri_pb.ts'
import type { HandlerOf } from '../handlers.ts'
import { containerStatus } from '../shape/container.ts'
import { sandboxStatus } from '../shape/sandbox.ts'
import { verboseInfo } from '../shape/verbose.ts'

/** With the status of every container of the pod, and the time of the whole, as the kubelet's evented PLEG needs it. */
export const podSandboxStatus: HandlerOf<typeof RuntimeService, 'podSandboxStatus'> = (
  { pods, images, clock },
  { podSandboxId, verbose },
) => {
  const record = pods.sandbox(podSandboxId)
  const containers = pods.containersOf(record.id)
  return {
    status: sandboxStatus(record),
    containersStatuses: containers.map((container) => containerStatus(container, images.status(container.imageId))),
    timestamp: clock(),
    ...verboseInfo(verbose, () => pods.describeSandbox(record)),
  }
}

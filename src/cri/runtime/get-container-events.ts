import { ContainerEventType, type RuntimeService } from '../../gen/cri_pb.ts'
import type { PodEventType } from '../../observe/pod-event.ts'
import type { HandlerOf } from '../handlers.ts'
import { containerStatus } from '../shape/container.ts'
import { sandboxStatus } from '../shape/sandbox.ts'

const types: Readonly<Record<PodEventType, ContainerEventType>> = {
  created: ContainerEventType.CONTAINER_CREATED_EVENT,
  started: ContainerEventType.CONTAINER_STARTED_EVENT,
  stopped: ContainerEventType.CONTAINER_STOPPED_EVENT,
  deleted: ContainerEventType.CONTAINER_DELETED_EVENT,
}

/** Never ends by itself. */
export const getContainerEvents: HandlerOf<typeof RuntimeService, 'getContainerEvents'> = async function* (
  { events, images },
  _,
  { signal },
) {
  for await (const { type, id, at, sandbox, containers } of events.subscribe(signal)) {
    yield {
      containerId: id,
      containerEventType: types[type],
      createdAt: at,
      podSandboxStatus: sandboxStatus(sandbox),
      containersStatuses: containers.map((container) => containerStatus(container, images.status(container.imageId))),
    }
  }
}

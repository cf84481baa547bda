import { messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import type { ContainerExit } from '../shim/protocol.ts'
import type { ContainerEvent } from '../state/container-state.ts'
import { clearRuntime } from './clear-runtime.ts'
import { recordEvent } from './container-events.ts'
import type { PodParts } from './parts.ts'

const lostMessage = 'its exit code was lost together with its shim'

/**
 * A container has ended, with its output in its log. Its record says so at once; its cgroup and the OCI runtime's state of it
 * are then cleared away, so that the kubelet can delete the pod's cgroup.
 */
export function containerExited(parts: PodParts, exit: ContainerExit): void {
  faultPoint('container-exited:told')
  const at = BigInt(exit.finishedAt)
  const startedAt = exit.startedAt === undefined ? undefined : BigInt(exit.startedAt)
  const event: ContainerEvent = exit.lost
    ? { type: 'exit-lost', at, message: lostMessage }
    : { ...exit, type: 'exited', at, startedAt }
  const container = recordEvent(parts, exit.id, event)
  if (!container) return
  faultPoint('container-exited:recorded')
  clearRuntime(parts, container).catch((error) => {
    // Stopping the sandbox and removing the container try again.
    parts.log.warn({ container: exit.id, error: messageOf(error) }, 'cannot clear the OCI runtime yet')
  })
}

import type { ContainerRecord } from '../state/container-record.ts'
import { getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'

/**
 * Takes away the OCI runtime's state and the cgroup of a container that has ended; what is still in its cgroup is killed.
 * Done once for each container: the exit, a stop of the sandbox and a removal all ask for it, often at the same time.
 */
export function clearRuntime(parts: PodParts, container: ContainerRecord): Promise<void> {
  const known = parts.clearings.get(container.id)
  if (known) return known
  const clearing = clear(parts, container)
  parts.clearings.set(container.id, clearing)
  // What failed is tried again by whoever asks next.
  clearing.catch(() => parts.clearings.delete(container.id))
  return clearing
}

async function clear(parts: PodParts, container: ContainerRecord): Promise<void> {
  if (parts.containers.get(container.id)?.state.phase === 'created') return
  const sandbox = getSandbox(parts, container.sandboxId)
  const shim = await parts.shims.get(sandbox.shim)
  const { command } = parts.handlers.get(sandbox.runtimeHandler)
  await shim.request('delete', { id: container.id, runtime: command })
  await parts.cgroups.remove(container.cgroup)
}

import { rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'

/** How long the OCI runtime may take to delete a container, in milliseconds. */
const patienceMs = 20_000

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
  const { command, cgroupDriver } = parts.handlers.of(sandbox)
  try {
    const shim = await parts.shims.get(sandbox.shim)
    await shim.request('delete', { id: container.id, runtime: command }, AbortSignal.timeout(patienceMs))
  } catch (error) {
    // The cgroup is what counts; the rest are files. It must not depend on a shim or a runtime that answers.
    parts.log.warn({ container: container.id, error: messageOf(error) }, 'the OCI runtime cannot delete a container')
    await parts.cgroups.kill(container.cgroup)
    rmSync(join(command.root, container.id), { recursive: true, force: true })
  }
  faultPoint('clear-runtime:deleted')
  // The OCI runtime has systemd stop the scope, when it knows of the container.
  if (cgroupDriver === 'systemd' && parts.cgroups.exists(container.cgroup)) {
    await parts.units.stop(basename(container.cgroup))
  }
  await parts.cgroups.remove(container.cgroup)
  faultPoint('clear-runtime:cleared')
}

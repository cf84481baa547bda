import { existsSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import type { Spec } from '../oci/runtime-spec.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { defaultDeleteMs } from './handlers.ts'
import { getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { dropPreparedStart } from './prepare-start.ts'

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
  if (parts.containers.get(container.id)?.state.phase === 'created') return dropPreparedStart(parts, container)
  const sandbox = getSandbox(parts, container.sandboxId)
  const { command, cgroupDriver, plainState, deleteMs = defaultDeleteMs } = parts.handlers.of(sandbox)
  const stateFolder = join(command.root, container.id)
  const runtimeIsNeeded = !plainState || hasPoststopHooks(parts.layout.container(container.id).bundle)
  try {
    const shim = await parts.shims.get(sandbox.shim)
    const request = { id: container.id, runtime: command, ...(!runtimeIsNeeded && { forgetOnly: true }) }
    await shim.request('delete', request, AbortSignal.timeout(deleteMs))
    // A runtime may say that it is done, and not be.
    if (!runtimeIsNeeded || existsSync(stateFolder)) await clearWithoutRuntime(parts, container, stateFolder)
  } catch (error) {
    // The cgroup is what counts; the rest are files. It must not depend on a shim or a runtime that answers.
    parts.log.warn({ container: container.id, error: messageOf(error) }, 'the OCI runtime cannot delete a container')
    await clearWithoutRuntime(parts, container, stateFolder)
  }
  faultPoint('clear-runtime:deleted')
  // The OCI runtime has systemd stop the scope, when it knows of the container.
  if (cgroupDriver === 'systemd' && parts.cgroups.exists(container.cgroup)) {
    await parts.units.stop(basename(container.cgroup))
  }
  await parts.cgroups.remove(container.cgroup)
  faultPoint('clear-runtime:cleared')
}

/** What `runc delete --force` does, without the 5 ms that it takes to start. */
async function clearWithoutRuntime(parts: PodParts, { cgroup }: ContainerRecord, stateFolder: string): Promise<void> {
  await parts.cgroups.kill(cgroup)
  rmSync(stateFolder, { recursive: true, force: true })
}

/** Hooks that the runtime has to run when it deletes the container. What cannot be read may have some. */
function hasPoststopHooks(bundle: string): boolean {
  try {
    const { hooks } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Spec
    return (hooks?.poststop ?? []).length > 0
  } catch {
    return true
  }
}

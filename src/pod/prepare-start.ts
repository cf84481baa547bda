import { messageOf } from '../lib/errors.ts'
import { podUserNamespace } from '../oci/spec/user-namespace.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { launchOf } from './start-container.ts'

/**
 * Has the shim get the OCI runtime of a new container going, since StartContainer comes next and the runtime takes a while to
 * load. Nothing depends on it: where it is not done, or does not work, the start does the whole.
 */
export function prepareStart(parts: PodParts, container: ContainerRecord): void {
  if (!canBePrepared(parts, container)) return
  const sandbox = getSandbox(parts, container.sandboxId)
  const prepared = parts.shims.get(sandbox.shim).then((shim) => shim.request('prepare', launchOf(parts, container)))
  prepared.catch((error) => {
    parts.log.debug({ container: container.id, error: messageOf(error) }, 'the start of a container was not prepared')
  })
}

/** The container will not be started. */
export async function dropPreparedStart(parts: PodParts, container: ContainerRecord): Promise<void> {
  if (!canBePrepared(parts, container)) return
  const sandbox = getSandbox(parts, container.sandboxId)
  const { command } = parts.handlers.of(sandbox)
  try {
    const shim = await parts.shims.get(sandbox.shim)
    await shim.request('delete', { id: container.id, runtime: command, forgetOnly: true })
  } catch (error) {
    // The shim is gone, and what it had prepared with it.
    parts.log.debug({ container: container.id, error: messageOf(error) }, 'a prepared start was not given up')
  }
}

/** runc and crun read config.json before they do anything, and need nothing of this process for it. */
function canBePrepared(parts: PodParts, { sandboxId, config }: ContainerRecord): boolean {
  const sandbox = getSandbox(parts, sandboxId)
  const hasOwnIds = podUserNamespace(sandbox.config.linux?.securityContext?.namespaceOptions) !== undefined
  return parts.handlers.of(sandbox).waitsForConfig === true && !config.tty && !config.stdin && !hasOwnIds
}

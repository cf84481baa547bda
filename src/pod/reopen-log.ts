import { isUnavailable } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { runningContainer } from './container-command.ts'
import { getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'

/**
 * Goes on in a new log file after the old one was renamed. A shim that dies meanwhile is no failure, for which the kubelet
 * would undo the renaming: the one that follows it is asked.
 *
 * @throws as {@link runningContainer}
 */
export async function reopenLog(parts: PodParts, id: string): Promise<void> {
  try {
    await askShim(parts, id)
  } catch (error) {
    if (!isUnavailable(error)) throw error
    await askShim(parts, id)
  }
}

async function askShim(parts: PodParts, containerId: string): Promise<void> {
  const { id, sandboxId } = runningContainer(parts, containerId)
  const shim = await parts.shims.get(getSandbox(parts, sandboxId).shim)
  // A new shim may have found that it has ended.
  runningContainer(parts, id)
  faultPoint('reopen-log:asked')
  await shim.request('reopenLog', { id })
}

import { messageOf } from '../lib/errors.ts'
import { containerExited } from './container-exited.ts'
import { firstProcessStatus } from './container-process.ts'
import { getContainer } from './lookup.ts'
import type { PodParts } from './parts.ts'

/**
 * Records the end of a container that is UNKNOWN, and that so no shim watches over, when it comes before `signal` aborts.
 * Nothing for another.
 *
 * @param isKilled whether it is to be taken for killed when nobody can tell how it ended
 */
export async function recordUnwatchedEnd(
  parts: PodParts,
  id: string,
  isKilled: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  const container = getContainer(parts, id)
  const { state } = container
  if (state.phase !== 'unknown') return
  try {
    const status = await firstProcessStatus(parts, container, state, signal)
    if (signal.aborted || (!status && isKilled())) return
    const exit = status ?? { exitCode: 255, signal: 0, lost: true }
    const oomKilled = !isKilled() && parts.cgroups.oomKills(container.cgroup) > 0
    containerExited(parts, { id, ...exit, oomKilled, finishedAt: String(parts.clock()) })
  } catch (error) {
    parts.log.warn({ container: id, error: messageOf(error) }, 'the end of an unknown container is not watched for')
  }
}

import type { ContainerEviction, ContainerUpdate } from '../gen/nri_pb.ts'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { criResources } from './messages/to-cri.ts'
import type { NriHost } from './port.ts'

/** What plugins want of containers that are there. */
export interface Changes {
  readonly update: readonly ContainerUpdate[]
  readonly evict: readonly ContainerEviction[]
  /** Who wants it, or on what occasion, for the log. */
  readonly by: string
}

/** Changes the limits of containers and stops containers. Answers the updates that failed; never throws. */
export async function applyChanges(host: NriHost, changes: Changes, log: Logger): Promise<ContainerUpdate[]> {
  const failed: ContainerUpdate[] = []
  for (const update of changes.update) {
    const { containerId, linux, ignoreFailure } = update
    // The container may have ended while the plugin thought about it: nothing is left to be done.
    if (!linux?.resources || isOver(host, containerId)) continue
    try {
      await host.update(containerId, criResources(linux.resources))
    } catch (error) {
      if (isOver(host, containerId)) continue
      const facts = { container: containerId, by: changes.by, error: messageOf(error) }
      log.warn(facts, 'the limits of a container were not changed as an NRI plugin wants')
      if (!ignoreFailure) failed.push(update)
    }
  }
  for (const { containerId, reason } of changes.evict) {
    if (isOver(host, containerId)) continue
    log.warn(
      { container: containerId, by: changes.by, reason },
      'a container is stopped because an NRI plugin wants it',
    )
    await host.evict(containerId).catch((error) => {
      log.error(
        { container: containerId, error: messageOf(error) },
        'a container was not stopped as an NRI plugin wants',
      )
    })
  }
  return failed
}

function isOver(host: NriHost, containerId: string): boolean {
  return (host.container(containerId)?.state.phase ?? 'exited') === 'exited'
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { containerCgroup } from '../linux/cgroup/names.ts'
import { type ContainerRecord, salvageContainer } from '../state/container-record.ts'
import { salvageSandbox } from '../state/sandbox-record.ts'
import { bundleFacts } from './bundle-facts.ts'
import { folderIds } from './folders.ts'
import type { PodParts } from './parts.ts'

/**
 * Gives whatever is on the machine a record again after records were lost: of what has a folder here, as much as the machine
 * itself knows. All of it can be listed, stopped and removed. Also fills the gaps of records that could not be read whole.
 */
export function findLostRecords(parts: PodParts): void {
  const { state, root } = parts.layout
  if (parts.records.lost) {
    const problem = 'it was lost with a damaged database'
    for (const id of folderIds(join(state, 'sandboxes'))) {
      if (parts.sandboxes.get(id)) continue
      parts.sandboxes.add(salvageSandbox(id, {}, problem))
      const { netns } = parts.layout.sandbox(id)
      // A pod on the host's network has none.
      if (existsSync(netns)) parts.network.presume(id, netns)
    }
    for (const id of new Set([join(state, 'containers'), join(root, 'containers')].flatMap(folderIds))) {
      if (!parts.containers.get(id)) parts.containers.add(salvageContainer(id, {}, problem))
    }
  }
  for (const { sandboxId, stage } of parts.network.attachments()) {
    if (stage === 'unreadable') parts.network.presume(sandboxId, parts.layout.sandbox(sandboxId).netns)
  }
  for (const container of [...parts.containers.all()]) {
    if (container.cgroup === '' || container.sandboxId === '' || lacksPid(container)) fillFromMachine(parts, container)
  }
  for (const { id, sandboxId } of parts.containers.all()) {
    if (parts.sandboxes.get(sandboxId)) continue
    parts.log.error(
      { container: id, sandbox: sandboxId },
      'a container without a sandbox; it gets one that is not ready',
    )
    parts.sandboxes.add(salvageSandbox(sandboxId, {}, 'it is not there, but a container of it is'))
  }
}

function lacksPid({ state }: ContainerRecord): boolean {
  return state.phase === 'unknown' && state.pid === 0
}

/** Its bundle says where it belongs, as long as the machine is not restarted. */
function fillFromMachine(parts: PodParts, { id, state }: ContainerRecord): void {
  const { cgroupParent, cgroupDriver } = parts.settings
  const { cgroup, sandboxId, pid = 0 } = bundleFacts(parts.layout.container(id).bundle)
  parts.containers.note(id, (record) => ({
    ...record,
    cgroup: record.cgroup || (cgroup ?? containerCgroup(cgroupParent, id, cgroupDriver).path),
    // Without anything that tells, a sandbox of its own: no two of them have the same id.
    sandboxId: record.sandboxId || (sandboxId ?? id),
    ...(state.phase === 'unknown' && { state: { ...state, pid: state.pid || pid } }),
  }))
}

import { join } from 'node:path'
import { unmount } from '../../linux/mount.ts'
import { listMountPoints } from '../../linux/mount-facts.ts'
import { killStartingRuntime } from '../../shim/starting-runtime.ts'
import { bundleFacts } from '../bundle-facts.ts'
import { folderIds } from '../folders.ts'
import { stopInfraProcess } from '../infra-process.ts'
import type { PodParts } from '../parts.ts'
import { isOnNetwork } from '../release-network.ts'
import { removeContainerFiles } from '../remove-container.ts'
import { removeSandboxFolder } from '../sandbox-files.ts'
import type { Disorder } from './disorder.ts'
import { hasOwner } from './owners.ts'

/** The folders of sandboxes and containers that have no record, with whatever is mounted or runs there. */
export function strayFiles(parts: PodParts): Disorder[] {
  const { state, root } = parts.layout
  const strays = (folder: string) => folderIds(folder).filter((id) => !hasOwner(parts, id))
  const containers = new Set([...strays(join(state, 'containers')), ...strays(join(root, 'containers'))])
  return [
    ...[...containers].map((id) => stray(parts, id, 'is a folder of a container without a record', sweepContainer)),
    // What is still on the network needs its namespace until it is off it: strayAttachments.
    ...strays(join(state, 'sandboxes'))
      .filter((id) => !isOnNetwork(parts, id))
      .map((id) => stray(parts, id, 'is a folder of a sandbox without a record', sweepSandbox)),
  ]
}

type Sweep = (parts: PodParts, id: string) => Promise<void>

function stray(parts: PodParts, id: string, problem: string, sweep: Sweep): Disorder {
  const mend = async () => {
    if (!hasOwner(parts, id)) await sweep(parts, id)
  }
  return { kind: 'files', subject: id, problem, remedy: 'sweep', mend }
}

async function sweepContainer(parts: PodParts, id: string): Promise<void> {
  const { bundle } = parts.layout.container(id)
  killStartingRuntime(bundle)
  const { cgroup } = bundleFacts(bundle)
  if (cgroup !== undefined) {
    await parts.cgroups.kill(cgroup)
    await parts.cgroups.remove(cgroup)
  }
  unmountBelow(bundle)
  removeContainerFiles(parts, id)
}

async function sweepSandbox(parts: PodParts, id: string): Promise<void> {
  const layout = parts.layout.sandbox(id)
  stopInfraProcess(layout)
  unmountBelow(layout.folder)
  removeSandboxFolder(layout)
}

/** Nothing is ever deleted through a mount. */
function unmountBelow(folder: string): void {
  const inside = listMountPoints().filter((path) => path.startsWith(`${folder}/`))
  for (const path of inside.toReversed()) unmount(path)
}

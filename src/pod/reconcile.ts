import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../lib/errors.ts'
import { stopInfraProcess } from './infra-process.ts'
import type { PodParts } from './parts.ts'
import { removeContainerFiles } from './remove-container.ts'
import { removeSandboxFolder } from './sandbox-files.ts'

/**
 * Takes away what no record owns: left by a crash between a side effect and its undo, or by an undo that failed. Safe at any
 * time: a record is there before the first side effect, and goes after the last.
 */
export async function reconcile(parts: PodParts): Promise<void> {
  const { state, root } = parts.layout
  const known = (id: string) =>
    parts.sandboxes.get(id) !== undefined ||
    parts.containers.get(id) !== undefined ||
    [...parts.sandboxes.unreadable, ...parts.containers.unreadable].some((row) => row.id === id)
  const orphans = (folder: string) => ids(folder).filter((id) => !known(id))
  for (const id of new Set([...orphans(join(state, 'containers')), ...orphans(join(root, 'containers'))])) {
    parts.log.warn({ container: id }, 'sweeping the files of a container that no record owns')
    await attempt(parts, id, async () => removeContainerFiles(parts, id))
  }
  for (const { sandboxId } of parts.network.attachments()) {
    if (known(sandboxId)) continue
    parts.log.warn({ sandbox: sandboxId }, 'sweeping the network attachment of a sandbox that no record owns')
    await attempt(parts, sandboxId, () => parts.network.detach(sandboxId))
  }
  for (const id of orphans(join(state, 'sandboxes'))) {
    parts.log.warn({ sandbox: id }, 'sweeping the files of a sandbox that no record owns')
    await attempt(parts, id, async () => {
      stopInfraProcess(parts.layout.sandbox(id))
      removeSandboxFolder(parts.layout.sandbox(id))
    })
  }
  for (const container of parts.containers.all()) {
    if (!parts.sandboxes.get(container.sandboxId)) {
      parts.log.error({ container: container.id, sandbox: container.sandboxId }, 'a container without its sandbox')
    }
  }
}

/** The names in a folder that are ids. */
function ids(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => /^[0-9a-f]{64}$/.test(name))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Does one part of a recovery; a failure is logged, and the rest goes on. */
export async function attempt(parts: PodParts, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    parts.log.error({ id, error: messageOf(error) }, 'not recovered')
  }
}

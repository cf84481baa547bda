import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../lib/errors.ts'
import { listMountPoints } from '../linux/mount.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { nextSandboxState } from '../state/sandbox-state.ts'
import { infraProcessAlive, infraProcessPid, stopInfraProcess } from './infra-process.ts'
import type { PodParts } from './parts.ts'
import { reattachContainers } from './reattach.ts'
import { removeContainerFiles } from './remove-container.ts'
import { removeSandboxFolder } from './sandbox-files.ts'
import { stopKnownSandbox } from './stop-sandbox.ts'
import { watchInfraProcess } from './watch-infra.ts'

/**
 * Brings the records and the machine together after berthd was away, however it ended. Total: no record makes it fail, and
 * none is deleted but for those of operations that no client ever got an id of. The API is served after this.
 */
export async function recover(parts: PodParts): Promise<void> {
  reportUnreadable(parts)
  for (const sandbox of [...parts.sandboxes.all()]) {
    if (sandbox.state.phase === 'creating') await undoSandbox(parts, sandbox)
    else parts.shims.restore(sandbox.id, sandbox.shim)
  }
  for (const container of [...parts.containers.all()]) {
    if (container.state.phase !== 'creating') continue
    await attempt(parts, container.id, async () => {
      removeContainerFiles(parts.layout, container.id)
      parts.containers.delete(container.id)
    })
  }
  const shims = new Set([...parts.sandboxes.all()].map((sandbox) => sandbox.shim))
  await Promise.all([...shims].map((shim) => attempt(parts, shim, () => reattachContainers(parts, shim))))
  stopLostSandboxes(parts)
  for (const sandbox of parts.sandboxes.all()) if (sandbox.state.phase === 'ready') watchInfraProcess(parts, sandbox)
  await sweep(parts)
}

function reportUnreadable(parts: PodParts): void {
  for (const store of [parts.sandboxes, parts.containers]) {
    for (const { id, version, error } of store.unreadable) {
      parts.log.error({ id, version, error: messageOf(error) }, 'a record cannot be read; it is kept as it is')
    }
  }
}

async function attempt(parts: PodParts, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    parts.log.error({ id, error: messageOf(error) }, 'not recovered')
  }
}

/**
 * A sandbox that was being made: nobody knows its id, and its client will ask for it again. One that cannot be undone is
 * listed from now on, as not ready, so that it can be stopped and removed.
 */
async function undoSandbox(parts: PodParts, sandbox: SandboxRecord): Promise<void> {
  const layout = parts.layout.sandbox(sandbox.id)
  try {
    await parts.network.detach(sandbox.id)
    stopInfraProcess(layout)
    removeSandboxFolder(layout)
    parts.sandboxes.delete(sandbox.id)
  } catch (error) {
    const reason = `it was not made to the end, and cannot be undone: ${messageOf(error)}`
    parts.log.error({ sandbox: sandbox.id, error: messageOf(error) }, 'a half-made sandbox cannot be undone')
    parts.shims.restore(sandbox.id, sandbox.shim)
    parts.sandboxes.note(sandbox.id, (record) => {
      return { ...record, state: nextSandboxState(record.state, { type: 'stop', reason }) }
    })
  }
}

/** Sandboxes whose namespaces are gone (the machine was restarted), and those whose stop was interrupted. */
function stopLostSandboxes(parts: PodParts): void {
  const mounts = new Set(listMountPoints())
  for (const sandbox of [...parts.sandboxes.all()]) {
    const { phase } = sandbox.state
    if (phase !== 'stopping' && !(phase === 'ready' && isLost(parts, sandbox, mounts))) continue
    const reason = 'its namespaces are gone: the machine was restarted, or they were unmounted'
    stopKnownSandbox(parts, sandbox, reason).catch((error) => {
      parts.log.error({ sandbox: sandbox.id, error: messageOf(error) }, 'a lost sandbox cannot be stopped yet')
    })
  }
}

function isLost(parts: PodParts, sandbox: SandboxRecord, mounts: ReadonlySet<string>): boolean {
  const layout = parts.layout.sandbox(sandbox.id)
  const own = podNamespaces(sandbox.config.linux?.securityContext?.namespaceOptions)
  if (own.net && !mounts.has(layout.netns)) return true
  if (own.ipc && !mounts.has(layout.ipcns)) return true
  return infraProcessPid(layout) !== undefined && !infraProcessAlive(layout)
}

/** What no record owns: left by a crash between a side effect and its undo. */
async function sweep(parts: PodParts): Promise<void> {
  const { state, root } = parts.layout
  const known = (id: string) =>
    parts.sandboxes.get(id) !== undefined ||
    parts.containers.get(id) !== undefined ||
    [...parts.sandboxes.unreadable, ...parts.containers.unreadable].some((row) => row.id === id)
  const orphans = (folder: string) => ids(folder).filter((id) => !known(id))
  for (const id of new Set([...orphans(join(state, 'containers')), ...orphans(join(root, 'containers'))])) {
    parts.log.warn({ container: id }, 'sweeping the files of a container that no record owns')
    await attempt(parts, id, async () => removeContainerFiles(parts.layout, id))
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

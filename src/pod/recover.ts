import { existsSync } from 'node:fs'
import { messageOf } from '../lib/errors.ts'
import { listMountPoints } from '../linux/mount-facts.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { nextSandboxState } from '../state/sandbox-state.ts'
import { infraProcessAlive, infraProcessPid, stopInfraProcess } from './infra-process.ts'
import type { PodParts } from './parts.ts'
import { reattachContainers } from './reattach.ts'
import { attempt, reconcile } from './reconcile.ts'
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
  parts.trash.sweep()
  for (const sandbox of [...parts.sandboxes.all()]) {
    if (sandbox.state.phase === 'creating') await undoSandbox(parts, sandbox)
    else parts.shims.restore(sandbox.id, sandbox.shim)
  }
  for (const container of [...parts.containers.all()]) {
    if (container.state.phase !== 'creating') continue
    await attempt(parts, container.id, async () => {
      removeContainerFiles(parts, container.id)
      parts.containers.delete(container.id)
    })
  }
  const shims = new Set([...parts.sandboxes.all()].map((sandbox) => sandbox.shim))
  await Promise.all([...shims].map((shim) => attempt(parts, shim, () => reattachContainers(parts, shim))))
  stopLostSandboxes(parts)
  for (const sandbox of parts.sandboxes.all()) if (sandbox.state.phase === 'ready') watchInfraProcess(parts, sandbox)
  await reconcile(parts)
}

function reportUnreadable(parts: PodParts): void {
  for (const store of [parts.sandboxes, parts.containers]) {
    for (const { id, version, error } of store.unreadable) {
      parts.log.error({ id, version, error: messageOf(error) }, 'a record cannot be read; it is kept as it is')
    }
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
  // A pod may have nothing but the host's namespaces.
  if (!existsSync(layout.folder)) return true
  const own = podNamespaces(sandbox.config.linux?.securityContext?.namespaceOptions)
  if (own.net && !mounts.has(layout.netns)) return true
  if (own.ipc && !mounts.has(layout.ipcns)) return true
  return infraProcessPid(layout) !== undefined && !infraProcessAlive(layout)
}

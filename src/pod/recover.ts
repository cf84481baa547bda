import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../lib/errors.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import type { ContainerState } from '../state/container-state.ts'
import { nextSandboxState } from '../state/sandbox-state.ts'
import { recordEvent } from './container-events.ts'
import { findLostRecords } from './find-lost-records.ts'
import { clearInfraCgroup } from './infra-cgroup.ts'
import { stopInfraProcess } from './infra-process.ts'
import type { PodParts } from './parts.ts'
import { releaseNetwork, removeFolder } from './release-network.ts'
import { removeContainerFiles } from './remove-container.ts'
import { stopKnownSandbox } from './stop-sandbox.ts'
import type { Takeovers } from './takeovers.ts'
import { watchInfraProcess } from './watch-infra.ts'

/** How long half-made sandboxes may hold up the start, in milliseconds: the network plugins that undo them may hang. */
const undoPatience = 2000

const restarted = 'the machine was restarted'

/**
 * Brings the records and the machine together after berthd was away, however it ended. Total: no record makes it fail, and
 * none is deleted but for those of operations that no client ever got an id of. The API is served after this.
 */
export async function recover(parts: PodParts, takeovers: Takeovers): Promise<void> {
  parts.trash.sweep()
  findLostRecords(parts)
  if (parts.records.rebooted) endAllContainers(parts)
  const undone: Promise<void>[] = []
  for (const sandbox of [...parts.sandboxes.all()]) {
    if (sandbox.state.phase === 'creating') undone.push(undoSandbox(parts, sandbox))
    else parts.shims.restore(sandbox.id, sandbox.shim)
  }
  await Promise.race([Promise.all(undone), delay(undoPatience, undefined, { ref: false })])
  for (const container of [...parts.containers.all()]) {
    if (container.state.phase !== 'creating') continue
    await attempt(parts, container.id, async () => {
      removeContainerFiles(parts, container.id)
      parts.containers.delete(container.id)
    })
  }
  const shims = new Set([...parts.sandboxes.all()].map((sandbox) => sandbox.shim))
  await Promise.all([...shims].map((shim) => takeovers.begin(shim)))
  parts.pipes.releaseOthers((id) => mayRun(parts.containers.get(id)?.state.phase))
  for (const sandbox of [...parts.sandboxes.all()]) {
    await attempt(parts, sandbox.id, async () => takeUpSandbox(parts, sandbox))
  }
}

function mayRun(phase: ContainerState['phase'] | undefined): boolean {
  return phase !== undefined && phase !== 'exited'
}

/** Nothing that ran before a restart of the machine runs now, whatever process has its pid. */
function endAllContainers(parts: PodParts): void {
  for (const { id } of [...parts.containers.all()]) {
    recordEvent(parts, id, { type: 'exit-lost', at: parts.clock(), message: `${restarted} while it ran` })
  }
}

/**
 * A sandbox that was being made: nobody knows its id, and its client will ask for it again. One that cannot be undone is
 * listed from now on, as not ready, so that it can be stopped and removed.
 */
async function undoSandbox(parts: PodParts, sandbox: SandboxRecord): Promise<void> {
  try {
    await releaseNetwork(parts, sandbox.id)
    stopInfraProcess(parts.layout.sandbox(sandbox.id))
    await clearInfraCgroup(parts, sandbox)
    removeFolder(parts, sandbox.id)
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

/** What has lost its namespaces otherwise is found by the reconciler. */
function takeUpSandbox(parts: PodParts, sandbox: SandboxRecord): void {
  if (sandbox.state.phase !== 'ready') return
  if (!parts.records.rebooted) return watchInfraProcess(parts, sandbox)
  stopKnownSandbox(parts, sandbox, restarted).catch((error) => {
    parts.log.error(
      { sandbox: sandbox.id, error: messageOf(error) },
      'a sandbox of before the restart is not stopped yet',
    )
  })
}

/** Does one part of a recovery; a failure is logged, and the rest goes on. */
async function attempt(parts: PodParts, id: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    parts.log.error({ id, error: messageOf(error) }, 'not recovered')
  }
}

import { messageOf } from '../lib/errors.ts'
import { watchProcess } from '../linux/watch-process.ts'
import type { ShimClient } from '../shim/client.ts'
import { readExitRecord } from '../shim/exit-record.ts'
import type { SupervisedContainer } from '../shim/protocol.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { containerExited } from './container-exited.ts'
import { recordEvent } from './container-events.ts'
import type { PodParts } from './parts.ts'
import { holdEndingStdin, launchOf } from './start-container.ts'

/**
 * Takes up the containers of a shim again: of one that ran on while berthd was away, or of a new one that follows a dead
 * one. Every container comes out running under that shim, or with its exit on record.
 */
export async function reattachContainers(parts: PodParts, shimName: string): Promise<void> {
  const mine = [...parts.containers.all()].filter((container) => {
    const { phase } = container.state
    const alive = phase === 'starting' || phase === 'running' || phase === 'unknown'
    return alive && parts.sandboxes.get(container.sandboxId)?.shim === shimName
  })
  if (mine.length === 0) return
  const shim = await parts.shims.get(shimName)
  const { containers } = await shim.request('list', null)
  const known = new Map(containers.map((container) => [container.id, container]))
  for (const container of mine) {
    try {
      await reattach(parts, shim, container, known.get(container.id))
    } catch (error) {
      const message = `it cannot be taken up again: ${messageOf(error)}`
      parts.log.error({ container: container.id, error: messageOf(error) }, 'a container is in an unknown state')
      recordEvent(parts, container.id, { type: 'lost', message })
    }
  }
}

async function reattach(
  parts: PodParts,
  shim: ShimClient,
  container: ContainerRecord,
  known: SupervisedContainer | undefined,
): Promise<void> {
  const { id, config } = container
  const { bundle } = parts.layout.container(id)
  if (!config.tty) parts.pipes.hold(id, bundle)
  holdEndingStdin(parts, container)
  if (known) recordEvent(parts, id, { type: 'started', pid: known.pid, at: BigInt(known.startedAt) })
  const exit = known?.exit ?? readExitRecord(bundle)
  if (exit) return containerExited(parts, exit)
  if (known) return
  const { state } = container
  if (state.phase === 'starting') {
    // The shim that was to start it has gone with the OCI runtime's answer: whatever came of it is killed.
    await parts.cgroups.kill(container.cgroup)
    recordEvent(parts, id, { type: 'start-failed', at: parts.clock(), message: 'its start was interrupted' })
    return
  }
  if (state.phase !== 'running' && state.phase !== 'unknown') return
  await adopt(parts, shim, container, state.pid, state.startedAt)
}

/** Its shim is gone and the container may live: the new shim reads its pipes, and berthd waits for its process. */
async function adopt(
  parts: PodParts,
  shim: ShimClient,
  container: ContainerRecord,
  pid: number,
  startedAt: bigint,
): Promise<void> {
  const { id } = container
  await shim.request('adopt', { ...launchOf(parts, container), pid, startedAt: String(startedAt) })
  parts.log.info({ container: id }, 'a shim took over a running container')
  const end = watchProcess(parts.reaper, pid, () => parts.cgroups.pids(container.cgroup).includes(pid))
  void end
    .then(async (status) => {
      if (!status) {
        const message = 'its exit code was lost together with its shim'
        parts.log.warn({ container: id }, message)
        recordEvent(parts, id, { type: 'exit-lost', at: parts.clock(), message })
      }
      await shim.request('exited', { id, ...(status ?? { exitCode: 255, signal: 0 }) })
    })
    .catch((error) =>
      parts.log.error({ container: id, error: messageOf(error) }, 'the end of a container was not recorded'),
    )
}

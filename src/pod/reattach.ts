import { messageOf } from '../lib/errors.ts'
import type { ExitStatus } from '../linux/reaper.ts'
import { watchProcess } from '../linux/watch-process.ts'
import type { ShimClient } from '../shim/client.ts'
import { readExitRecord } from '../shim/exit-record.ts'
import type { SupervisedContainer } from '../shim/protocol.ts'
import { killStartingRuntime } from '../shim/starting-runtime.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { endInterruptedCheckpoint } from './checkpoint/checkpoint-container.ts'
import { clearRuntime } from './clear-runtime.ts'
import { containerExited } from './container-exited.ts'
import { recordEvent } from './container-events.ts'
import { isFirstProcess } from './container-process.ts'
import { readEnding, writeEnding } from './ending.ts'
import type { PodParts } from './parts.ts'
import { finishStart, holdEndingStdin, holdTerminal, launchOf } from './start-container.ts'

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
      parts.log.error({ container: container.id, error: messageOf(error) }, 'a container cannot be taken up again')
      if (container.state.phase !== 'starting') recordEvent(parts, container.id, { type: 'lost', message })
      else recordEvent(parts, container.id, { type: 'start-failed', at: parts.clock(), message })
    }
  }
}

async function reattach(
  parts: PodParts,
  shim: ShimClient,
  container: ContainerRecord,
  known: SupervisedContainer | undefined,
): Promise<void> {
  const { id, config, state } = container
  const { bundle } = parts.layout.container(id)
  parts.pipes.hold(id, bundle, config.tty)
  holdEndingStdin(parts, container)
  if (known?.starting) return joinStart(parts, shim, container)
  if (known) recordEvent(parts, id, { type: 'started', pid: known.pid, at: BigInt(known.startedAt) })
  const exit = known?.exit ?? readExitRecord(bundle)
  if (exit) return containerExited(parts, exit)
  await endInterruptedCheckpoint(parts, container)
  if (known) {
    parts.pipes.holdProcess(id, known.pid)
    holdTerminal(parts, shim, id, known.terminal)
  }
  if (known?.adopted) return watch(parts, shim, container, known.pid, BigInt(known.startedAt))
  if (known) return
  if (state.phase === 'starting') return endInterruptedStart(parts, container)
  if (state.phase !== 'running' && state.phase !== 'unknown') return
  if (state.pid === 0) {
    const message = 'its record was lost, and nothing tells of a process of it'
    return void recordEvent(parts, id, { type: 'exit-lost', at: parts.clock(), message })
  }
  const started = { pid: state.pid, startedAt: String(state.startedAt) }
  const terminal = parts.pipes.terminal(id)
  const held = terminal === undefined ? {} : { terminal: { holder: process.pid, fd: terminal } }
  await shim.request('adopt', { ...launchOf(parts, container), ...started, ...held })
  parts.log.info({ container: id }, 'a shim took over a running container')
  watch(parts, shim, container, state.pid, state.startedAt)
}

/** The shim is still at the start that an earlier berthd asked for. */
function joinStart(parts: PodParts, shim: ShimClient, container: ContainerRecord): void {
  finishStart(parts, shim, container).catch((error) => {
    parts.log.warn({ container: container.id, error: messageOf(error) }, 'a start that went on did not end well')
  })
}

/** The shim that was to start it is gone, and with it the answer of the OCI runtime: whatever came of it is taken away. */
async function endInterruptedStart(parts: PodParts, container: ContainerRecord): Promise<void> {
  killStartingRuntime(parts.layout.container(container.id).bundle)
  await parts.cgroups.kill(container.cgroup)
  await clearRuntime(parts, container)
  const message = 'its start was interrupted: the shim died'
  recordEvent(parts, container.id, { type: 'start-failed', at: parts.clock(), message })
}

/** Waits for the process of a container in the place of its shim, which is not its parent, and has the shim end it. */
function watch(parts: PodParts, shim: ShimClient, container: ContainerRecord, pid: number, startedAt: bigint): void {
  const { id } = container
  const isStill = () => isFirstProcess(parts, container, { pid, startedAt })
  endOf(parts, id, pid, isStill)
    .then((status) => shim.request('exited', { id, ...(status ?? { exitCode: 255, signal: 0, lost: true }) }))
    .catch((error) =>
      parts.log.warn({ container: id, error: messageOf(error) }, 'the end of a container cannot be recorded yet'),
    )
}

/** How it ended is told by the kernel once: the shim may die before it is told, and another watch follows. */
async function endOf(
  parts: PodParts,
  id: string,
  pid: number,
  isStill: () => boolean,
): Promise<ExitStatus | undefined> {
  const { bundle } = parts.layout.container(id)
  const known = readEnding(bundle)
  if (known) return known
  const status = await watchProcess(parts.reaper, pid, isStill, parts.pipes.process(id))
  if (status) writeEnding(bundle, status)
  return status
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isUnavailable, messageOf } from '../lib/errors.ts'
import type { ShimClient } from '../shim/client.ts'
import { readExitRecord } from '../shim/exit-record.ts'
import type { SupervisedContainer } from '../shim/protocol.ts'
import { hasStartingRuntime, killStartingRuntime } from '../shim/starting-runtime.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { endInterruptedCheckpoint } from './checkpoint/checkpoint-container.ts'
import { clearRuntime } from './clear-runtime.ts'
import { containerExited } from './container-exited.ts'
import { recordEvent } from './container-events.ts'
import { firstProcessStatus } from './container-process.ts'
import { getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { finishStart, holdEndingStdin, holdTerminal, launchOf } from './start-container.ts'

/** Waits before trying again what failed, in milliseconds. */
const retryDelays = [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000]

/**
 * Takes up the containers of a shim again: of one that ran on while berthd was away, or of a new one that follows a dead
 * one. Every container comes out running under that shim, or with its exit on record.
 */
export async function reattachContainers(parts: PodParts, shimName: string, shim: ShimClient): Promise<void> {
  if (await reattachAll(parts, shimName, shim)) return
  void keepTrying(parts, shimName, shim)
}

/** Whether the shim has containers that run, or may. */
export function hasContainers(parts: PodParts, shimName: string): boolean {
  return containersOf(parts, shimName).length > 0
}

function containersOf(parts: PodParts, shimName: string): ContainerRecord[] {
  return [...parts.containers.all()].filter((container) => {
    const { phase } = container.state
    const alive = phase === 'starting' || phase === 'running' || phase === 'unknown'
    return alive && parts.sandboxes.get(container.sandboxId)?.shim === shimName
  })
}

/** What stood in the way may pass: a full disk, too many open files. */
async function keepTrying(parts: PodParts, shimName: string, shim: ShimClient): Promise<void> {
  const closed = shim.closed.then(() => 'closed')
  for (const wait of retryDelays) {
    if ((await Promise.race([closed, delay(wait, undefined, { ref: false })])) === 'closed') return
    try {
      if (await reattachAll(parts, shimName, shim)) return
    } catch (error) {
      parts.log.warn({ shim: shimName, error: messageOf(error) }, 'containers are not taken up again yet')
    }
  }
}

/**
 * Answers whether all of them are taken up. One that cannot be is unknown until it can.
 *
 * @throws unavailable when the shim has gone
 */
async function reattachAll(parts: PodParts, shimName: string, shim: ShimClient): Promise<boolean> {
  const mine = containersOf(parts, shimName)
  if (mine.length === 0) return true
  const { containers } = await shim.request('list', null)
  const known = new Map(containers.map((container) => [container.id, container]))
  let all = true
  for (const container of mine) {
    try {
      await reattach(parts, shim, container, known.get(container.id))
    } catch (error) {
      if (isUnavailable(error)) throw error
      all = false
      await giveUp(parts, container, error)
    }
  }
  return all
}

async function giveUp(parts: PodParts, container: ContainerRecord, error: unknown): Promise<void> {
  const { id } = container
  const message = `it cannot be taken up again: ${messageOf(error)}`
  parts.log.error({ container: id, error: messageOf(error) }, 'a container cannot be taken up again')
  if (container.state.phase !== 'starting') return void recordEvent(parts, id, { type: 'lost', message })
  await parts.cgroups.kill(container.cgroup)
  recordEvent(parts, id, { type: 'start-failed', at: parts.clock(), message })
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
  recordEvent(parts, id, { type: 'started', pid: state.pid, at: state.startedAt })
  parts.log.info({ container: id }, 'a shim took over a running container')
  watch(parts, shim, container, state.pid, state.startedAt)
}

/** The shim is still at the start that an earlier berthd asked for. */
function joinStart(parts: PodParts, shim: ShimClient, container: ContainerRecord): void {
  finishStart(parts, shim, container).catch((error) => {
    parts.log.warn({ container: container.id, error: messageOf(error) }, 'a start that went on did not end well')
  })
}

/**
 * The shim that was to start it is gone, and with it the answer of the OCI runtime: whatever came of it is taken away. When
 * nothing can have come of it, whoever waits for the start asks the new shim.
 */
async function endInterruptedStart(parts: PodParts, container: ContainerRecord): Promise<void> {
  if (parts.repeatableStarts.has(container.id) && !hasBegun(parts, container)) return
  killStartingRuntime(parts.layout.container(container.id).bundle)
  await parts.cgroups.kill(container.cgroup)
  const message = 'its start was interrupted: the shim died'
  recordEvent(parts, container.id, { type: 'start-failed', at: parts.clock(), message })
  // Not waited for: it asks for the shim, which is given out when this is done.
  clearRuntime(parts, container).catch((error) => {
    parts.log.warn({ container: container.id, error: messageOf(error) }, 'cannot clear the OCI runtime yet')
  })
}

/** Whether the shim that is gone may have had the OCI runtime do anything for the container. */
function hasBegun(parts: PodParts, { id, sandboxId }: ContainerRecord): boolean {
  const { command } = parts.handlers.of(getSandbox(parts, sandboxId))
  return hasStartingRuntime(parts.layout.container(id).bundle) || existsSync(join(command.root, id))
}

/** The containers that are watched for a shim, each once. */
const watched = new WeakMap<ShimClient, Set<string>>()

/**
 * Waits for the process of a container in the place of its shim, which is not its parent, and has the shim end it. The watch ends
 * with the shim: the next one gets its own.
 */
function watch(parts: PodParts, shim: ShimClient, container: ContainerRecord, pid: number, startedAt: bigint): void {
  const { id } = container
  const ids = watched.get(shim) ?? new Set()
  if (ids.has(id)) return
  watched.set(shim, ids.add(id))
  const shimGone = new AbortController()
  void shim.closed.then(() => shimGone.abort())
  firstProcessStatus(parts, container, { pid, startedAt }, shimGone.signal)
    .then(async (status) => {
      if (shimGone.signal.aborted) return
      await shim.request('exited', { id, ...(status ?? { exitCode: 255, signal: 0, lost: true }) })
    })
    .catch((error) =>
      parts.log.warn({ container: id, error: messageOf(error) }, 'the end of a container cannot be recorded yet'),
    )
    .finally(() => ids.delete(id))
}

import { failedPrecondition, isUnavailable, messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { shortId } from '../lib/ids.ts'
import type { ShimClient } from '../shim/client.ts'
import type { ContainerLaunch } from '../shim/protocol.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { logNames } from '../state/log-names.ts'
import { recordEvent } from './container-events.ts'
import { getContainer, getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'

/**
 * Starts a created container. One that cannot be started becomes EXITED with the reason StartError and can be removed. The
 * same request again joins the first one while that is under way, and is no error for a container that runs.
 */
export function startContainer(parts: PodParts, id: string): Promise<void> {
  const container = getContainer(parts, id)
  return parts.operations.run(
    { name: 'StartContainer', key: container.id, fingerprint: '' },
    async (setStage) => {
      // Before its start is on record: what is on record as starting without being known to a new shim counts as interrupted.
      setStage('waiting for its shim')
      const shim = await parts.shims.get(getSandbox(parts, container.sandboxId).shim)
      const { state } = getContainer(parts, container.id)
      // The answer to the first request was lost, together with berthd or with its client.
      if (state.phase === 'running') return
      if (state.phase !== 'created') {
        throw failedPrecondition(
          `container "${container.id}" is ${state.phase}: only a created container can be started`,
        )
      }
      const sandbox = getSandbox(parts, container.sandboxId)
      if (sandbox.state.phase !== 'ready') {
        throw failedPrecondition(`sandbox "${sandbox.id}" is ${sandbox.state.phase}: its containers cannot be started`)
      }
      // Before it is on record: whoever takes up its shim's containers leaves this one to us.
      parts.repeatableStarts.add(container.id)
      try {
        recordEvent(parts, container.id, { type: 'start' })
        setStage('asking NRI plugins')
        await askPlugins(parts, container)
        setStage('waiting for the OCI runtime')
        try {
          await finishStart(parts, shim, container)
        } catch (error) {
          if (!isUnavailable(error)) throw error
          setStage('waiting for another shim')
          await startAgain(parts, container, error)
        }
      } finally {
        parts.repeatableStarts.delete(container.id)
      }
    },
    () => failedPrecondition(`container "${container.id}" is being started`),
  )
}

/**
 * Has the shim that follows a dead one start the container, unless whoever took up its containers has put an end to a start
 * that had begun: then it failed with `error`.
 */
async function startAgain(parts: PodParts, container: ContainerRecord, error: unknown): Promise<void> {
  const next = await parts.shims.get(getSandbox(parts, container.sandboxId).shim)
  parts.repeatableStarts.delete(container.id)
  if (getContainer(parts, container.id).state.phase !== 'starting') throw error
  await finishStart(parts, next, container)
}

/** The last before its shim is asked. */
async function askPlugins(parts: PodParts, container: ContainerRecord): Promise<void> {
  try {
    faultPoint('start-container:recorded')
    await parts.nri.startContainer(getContainer(parts, container.id))
    faultPoint('start-container:plugins-asked')
  } catch (error) {
    failed(parts, container, error)
  }
  const { phase } = getContainer(parts, container.id).state
  if (phase !== 'starting')
    throw failedPrecondition(`container "${container.id}" is ${phase}: it was stopped meanwhile`)
}

/** Has the shim start the container, or joins the start that it is at, and records what came of it. */
export async function finishStart(parts: PodParts, shim: ShimClient, container: ContainerRecord): Promise<void> {
  try {
    const { pid, startedAt, terminal } = await shim.request('start', launchOf(parts, container))
    faultPoint('start-container:told')
    const started = recordEvent(parts, container.id, { type: 'started', pid, at: BigInt(startedAt) })
    if (started?.state.phase !== 'running') return
    parts.nri.containerStarted(started)
    parts.pipes.hold(container.id, parts.layout.container(container.id).bundle, container.config.tty)
    parts.pipes.holdProcess(container.id, pid)
    holdEndingStdin(parts, container)
    holdTerminal(parts, shim, container.id, terminal)
    faultPoint('start-container:running')
  } catch (error) {
    // The shim has died meanwhile: what became of the start is found out by whoever takes its containers up again.
    if (isUnavailable(error)) throw error
    if (parts.containers.get(container.id)?.state.phase === 'starting') await parts.cgroups.kill(container.cgroup)
    failed(parts, container, error)
  }
}

/** What is on record as not started does not run: the caller has seen to that. */
function failed(parts: PodParts, container: ContainerRecord, error: unknown): never {
  const message = messageOf(error)
  recordEvent(parts, container.id, { type: 'start-failed', at: parts.clock(), message })
  parts.log.warn({ container: container.id, error: message }, `container ${shortId(container.id)} did not start`)
  throw error
}

/** What the shim is told of a container. */
export function launchOf(parts: PodParts, container: ContainerRecord): ContainerLaunch {
  const sandbox = getSandbox(parts, container.sandboxId)
  const handler = parts.handlers.of(sandbox)
  const mountView = handler.needsOwnMountsOnly && parts.mountsApart.viewOf(sandbox.id, container.id)
  return {
    id: container.id,
    names: logNames(sandbox, container),
    bundle: parts.layout.container(container.id).bundle,
    runtime: handler.command,
    ...(mountView && { mountView }),
    logPath: container.logPath,
    stdin: container.config.stdin,
    stdinOnce: hasEndingStdin(container),
    tty: container.config.tty,
    cgroup: container.cgroup,
  }
}

/** The stdin of such a container ends with its first client; a terminal has no end, only a hang-up. */
export function hasEndingStdin({ config }: ContainerRecord): boolean {
  return config.stdin && config.stdinOnce && !config.tty
}

/** To be called whenever berthd finds or makes a container running. */
export function holdEndingStdin(parts: PodParts, container: ContainerRecord): void {
  if (hasEndingStdin(container)) parts.pipes.holdStdin(container.id, parts.layout.container(container.id).bundle)
}

/** The same for its terminal, of which the shim tells the number that its pty master has there. */
export function holdTerminal(parts: PodParts, shim: ShimClient, id: string, terminal: number | undefined): void {
  if (terminal === undefined) return
  try {
    const { pty } = shim.copyDescriptors({ pty: terminal })
    if (pty !== undefined) parts.pipes.holdTerminal(id, pty)
  } catch (error) {
    parts.log.warn({ container: id, error: messageOf(error) }, 'the terminal of a container hangs up if its shim dies')
  }
}

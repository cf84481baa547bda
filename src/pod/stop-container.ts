import { BerthError, deadlineExceeded, messageOf } from '../lib/errors.ts'
import { signalNumber } from '../linux/pidfd.ts'
import { OciRuntime } from '../oci/runtime.ts'
import { readExitRecord } from '../shim/exit-record.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { recordEvent } from './container-events.ts'
import { getContainer, getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { signalContainer } from './signal-container.ts'

/** How long a killed container may take to vanish, in milliseconds, before the call gives up (it may be retried). */
const killPatience = 30_000

/** A stop under way: it will kill at some time, which can be made sooner. */
export interface Stop {
  readonly done: Promise<void>
  /** Kills after `seconds` if that is sooner than planned. */
  hasten(seconds: number): void
}

/**
 * Stops a container: its stop signal, then SIGKILL to all its processes after `timeoutSeconds` (at once for 0). Resolves when
 * its exit is on record; at once for one that does not run. A second call, while one waits, sends no second signal, but can
 * shorten the wait (kubelet-contract F4).
 */
export function stopContainer(parts: PodParts, container: ContainerRecord, timeoutSeconds: number): Promise<void> {
  const underWay = parts.stops.get(container.id)
  if (underWay) {
    underWay.hasten(timeoutSeconds)
    return underWay.done
  }
  const stop = begin(parts, container.id, timeoutSeconds)
  parts.stops.set(container.id, stop)
  const end = () => parts.stops.delete(container.id)
  stop.done.then(end, end)
  return stop.done
}

function begin(parts: PodParts, id: string, timeoutSeconds: number): Stop {
  const killNow = Promise.withResolvers<void>()
  let killAt = Number.POSITIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  const hasten = (seconds: number) => {
    const at = performance.now() + seconds * 1000
    if (at >= killAt) return
    killAt = at
    clearTimeout(timer)
    if (seconds <= 0) killNow.resolve()
    else timer = setTimeout(killNow.resolve, Math.min(seconds * 1000, 0x7fffffff))
  }
  hasten(Math.max(0, timeoutSeconds))
  const done = stop(parts, id, timeoutSeconds > 0, killNow.promise).finally(() => clearTimeout(timer))
  return { done, hasten }
}

async function stop(parts: PodParts, id: string, gracefully: boolean, killNow: Promise<void>): Promise<void> {
  await settleStart(parts, id)
  const ended = exitOnRecord(parts, id)
  if (!ended) return
  if (gracefully) {
    await sendStopSignal(parts, getContainer(parts, id))
    if ((await Promise.race([ended.then(() => 'ended'), killNow.then(() => 'kill')])) === 'ended') return
  }
  await killContainer(parts, id, ended)
}

/**
 * Where the process on the host is not the container's but that of a whole kernel (gVisor), only the runtime can hand a
 * signal on. If it cannot, the container is killed in the end, as one that ignores the signal.
 */
async function sendStopSignal(parts: PodParts, container: ContainerRecord): Promise<void> {
  const { runtimeHandler } = getSandbox(parts, container.sandboxId)
  const { command, options } = parts.handlers.get(runtimeHandler)
  if (!options.sandboxPerContainer) return signalContainer(parts, container, container.stopSignal)
  const signal = signalNumber(container.stopSignal)
  const abort = AbortSignal.timeout(killPatience)
  await new OciRuntime({ ...command, reaper: parts.reaper })
    .kill({ id: container.id, signal, abort })
    .catch((error) => {
      parts.log.warn(
        { container: container.id, error: messageOf(error) },
        'the OCI runtime did not pass the stop signal on',
      )
    })
}

/** A container that is being started has no process to signal yet: wait for it to have one, or not. */
async function settleStart(parts: PodParts, id: string): Promise<void> {
  if (parts.containers.get(id)?.state.phase !== 'starting') return
  await parts.operations.join('StartContainer', id)
}

/** Resolves when the exit is on record; undefined when nothing runs. */
function exitOnRecord(parts: PodParts, id: string): Promise<void> | undefined {
  const phase = parts.containers.get(id)?.state.phase
  if (phase !== 'running' && phase !== 'unknown' && phase !== 'starting') return undefined
  return parts.exits.wait(id)
}

/** Kills the container by its cgroup and its pidfd, which needs nobody's cooperation, and waits for its exit. */
async function killContainer(parts: PodParts, id: string, ended: Promise<void>): Promise<void> {
  const container = getContainer(parts, id)
  signalContainer(parts, container, 'SIGKILL')
  await parts.cgroups.kill(container.cgroup)
  const { promise: patience, resolve } = Promise.withResolvers<'late'>()
  const timer = setTimeout(resolve, killPatience, 'late')
  try {
    if (container.state.phase === 'unknown') recordLost(parts, container)
    if ((await Promise.race([ended, patience])) === 'late') throw stillThere(container)
  } finally {
    clearTimeout(timer)
  }
}

/** Of an unknown container nobody will tell the exit; with all its processes killed it has ended. */
function recordLost(parts: PodParts, container: ContainerRecord): void {
  const exit = readExitRecord(parts.layout.container(container.id).bundle)
  const message = 'it was killed; its exit code was lost together with its shim'
  if (exit) recordEvent(parts, container.id, { type: 'exited', ...exit, at: BigInt(exit.finishedAt) })
  else recordEvent(parts, container.id, { type: 'exit-lost', at: parts.clock(), message })
}

function stillThere(container: ContainerRecord): BerthError {
  return deadlineExceeded(
    `container "${container.id}" was killed ${killPatience / 1000} s ago and its process is still there: ` +
      `it may hang in the kernel (look at /proc/${'pid' in container.state ? container.state.pid : 'PID'}/stack)`,
  )
}

/** Kills every running container of a sandbox, side by side. */
export async function killContainers(parts: PodParts, containers: readonly ContainerRecord[]): Promise<void> {
  const results = await Promise.allSettled(containers.map((container) => stopContainer(parts, container, 0)))
  const failures = results.filter((result) => result.status === 'rejected')
  const [first] = failures
  if (first) throw new BerthError('unknown', `${failures.length} containers did not end: ${messageOf(first.reason)}`)
}

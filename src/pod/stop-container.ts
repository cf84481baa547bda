import { setTimeout as delay } from 'node:timers/promises'
import { BerthError, deadlineExceeded, messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { afterSilence } from '../lib/silence.ts'
import { signalNumber } from '../linux/pidfd.ts'
import { isEnding } from '../linux/process-stat.ts'
import { OciRuntime } from '../oci/runtime.ts'
import { readExitRecord } from '../shim/exit-record.ts'
import { writeKillNote } from '../shim/kill-note.ts'
import { killStartingRuntime } from '../shim/starting-runtime.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { Operation, SetStage } from '../state/operations.ts'
import { recordEvent } from './container-events.ts'
import { firstProcessEnd } from './container-process.ts'
import { getContainer, getSandbox } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { signalContainer } from './signal-container.ts'
import { recordUnwatchedEnd } from './unwatched-end.ts'

/** How long a killed container may take to vanish, in milliseconds, before the call gives up (it may be retried). */
const killPatience = 30_000

/** How long after the last process is gone its shim may take to tell of the exit, in milliseconds. */
const verdictPatience = 5_000

/** A stop under way: it will kill at some time, which can be made sooner. */
export interface Stop {
  readonly done: Promise<void>
  /** Kills after `seconds` if that is sooner than planned. */
  hasten(seconds: number): void
  /** What it does now. */
  operation(): Operation
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
  const startedAt = Date.now()
  let operation = { name: 'StopContainer', key: id, stage: 'beginning', startedAt, stageSince: startedAt }
  const setStage = (stage: string) => {
    operation = { ...operation, stage, stageSince: Date.now() }
  }
  const done = stop(parts, id, timeoutSeconds, killNow.promise, setStage).finally(() => clearTimeout(timer))
  return { done, hasten, operation: () => operation }
}

async function stop(
  parts: PodParts,
  id: string,
  timeoutSeconds: number,
  killNow: Promise<void>,
  setStage: SetStage,
): Promise<void> {
  setStage('waiting for its start to end')
  await settleStart(parts, id, killNow)
  const ended = exitOnRecord(parts, id)
  if (!ended) return
  let isKilled = false
  const over = new AbortController()
  void recordUnwatchedEnd(parts, id, () => isKilled, over.signal)
  try {
    if (timeoutSeconds > 0) {
      const { stopSignal } = getContainer(parts, id)
      setStage(`waiting for it to end after ${stopSignal}; it is killed after ${timeoutSeconds} s at the latest`)
      await Promise.race([sendStopSignal(parts, getContainer(parts, id), killNow), ended])
      faultPoint('stop-container:signalled')
      if ((await Promise.race([ended.then(() => 'ended'), killNow.then(() => 'kill')])) === 'ended') return
    }
    isKilled = true
    setStage('waiting for its processes to be gone after SIGKILL')
    await killContainer(parts, id, ended)
    faultPoint('stop-container:ended')
  } finally {
    over.abort()
  }
}

/**
 * Where the process on the host is not the container's but that of a whole kernel (gVisor), only the runtime can hand a
 * signal on. If it cannot, the container is killed in the end, as one that ignores the signal.
 *
 * @param killNow when it is time for that, a runtime that is still at it is killed first
 */
async function sendStopSignal(parts: PodParts, container: ContainerRecord, killNow: Promise<void>): Promise<void> {
  const { command, options } = parts.handlers.of(getSandbox(parts, container.sandboxId))
  if (!options.sandboxPerContainer) return signalContainer(parts, container, container.stopSignal)
  const signal = signalNumber(container.stopSignal)
  const giveUp = new AbortController()
  void killNow.then(() => giveUp.abort())
  await new OciRuntime({ ...command, reaper: parts.reaper })
    .kill({ id: container.id, signal, abort: AbortSignal.any([giveUp.signal, AbortSignal.timeout(killPatience)]) })
    .catch((error) => {
      parts.log.warn(
        { container: container.id, error: messageOf(error) },
        'the OCI runtime did not pass the stop signal on',
      )
    })
}

/**
 * A container that is being started has no process to signal yet: waits for it to have one, or not. When it is time to kill,
 * the OCI runtime at work is killed, with whatever it has begun.
 */
async function settleStart(parts: PodParts, id: string, killNow: Promise<void>): Promise<void> {
  const isStarting = () => parts.containers.get(id)?.state.phase === 'starting'
  if (!isStarting()) return
  const kill = new AbortController()
  const killing = killNow.then(() => kill.abort())
  await Promise.race([parts.operations.join('StartContainer', id), killing])
  // One that an earlier berthd asked for goes on without being an operation of this one.
  while (isStarting() && !kill.signal.aborted) await Promise.race([delay(20), killing])
  if (!isStarting()) return
  const container = getContainer(parts, id)
  killStartingRuntime(parts.layout.container(id).bundle)
  await parts.cgroups.kill(container.cgroup)
  const deadline = performance.now() + verdictPatience
  while (isStarting() && performance.now() < deadline) await delay(20)
  const message = 'its start did not come to an end and was killed'
  if (isStarting()) recordEvent(parts, id, { type: 'start-failed', at: parts.clock(), message })
}

/** Resolves when the exit is on record; undefined when nothing runs. */
function exitOnRecord(parts: PodParts, id: string): Promise<void> | undefined {
  const phase = parts.containers.get(id)?.state.phase
  if (phase !== 'running' && phase !== 'unknown' && phase !== 'starting') return undefined
  return parts.exits.wait(id)
}

/**
 * Kills the container by its cgroup and its pidfd, which needs nobody's cooperation, and waits for its exit. If its shim does
 * not tell in time once the process is gone, the exit is recorded without it.
 */
async function killContainer(parts: PodParts, id: string, ended: Promise<void>): Promise<void> {
  const container = getContainer(parts, id)
  noteKill(parts, container)
  signalContainer(parts, container, 'SIGKILL')
  await parts.cgroups.kill(container.cgroup)
  faultPoint('stop-container:killed')
  const giveUp = new AbortController()
  try {
    const gone = firstProcessEnd(parts, container, giveUp.signal)
    if (!(await settlesWithin(Promise.race([ended, gone]), killPatience))) throw stillThere(container)
    if (!(await settlesWithin(ended, verdictPatience))) recordKilled(parts, container)
  } finally {
    giveUp.abort()
  }
}

/**
 * Leaves word for the container's shim that what comes now is not the work of the OOM killer, unless that has killed the
 * container already and its end is on the way.
 */
function noteKill(parts: PodParts, { id, state, cgroup }: ContainerRecord): void {
  if (!('pid' in state)) return
  try {
    const oomKills = parts.cgroups.oomKills(cgroup)
    if (oomKills > 0 && !isEnding(state.pid)) writeKillNote(parts.layout.container(id).bundle, { oomKills })
  } catch (error) {
    parts.log.warn({ container: id, error: messageOf(error) }, 'the shim of a container is not told of its kill')
  }
}

async function settlesWithin(event: Promise<void>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  using _ = afterSilence(ms, () => resolve(false))
  return await Promise.race([event.then(() => true), late])
}

/** Everything of the container was killed, and nobody tells its exit: its own record of it, or else the kill. */
function recordKilled(parts: PodParts, container: ContainerRecord): void {
  const { exitCode, signal, oomKilled, finishedAt } = readExitRecord(parts.layout.container(container.id).bundle) ?? {
    exitCode: 137,
    signal: 9,
    oomKilled: false,
    finishedAt: parts.clock(),
  }
  recordEvent(parts, container.id, { type: 'exited', exitCode, signal, oomKilled, at: BigInt(finishedAt) })
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

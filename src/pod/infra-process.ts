import { closeSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, operationFailed } from '../lib/errors.ts'
import { openPidfd, signalPidfd } from '../linux/pidfd.ts'
import { startPodInit } from '../linux/pod-init.ts'
import { readProcessStat } from '../linux/process-stat.ts'
import type { Reaper } from '../linux/reaper.ts'
import type { IdMapping } from '../oci/runtime-spec.ts'
import type { SandboxLayout } from './layout.ts'

/** Its user and group, as the pod counts; nothing else has it. The pause processes of others have the same. */
const initId = 65535

/**
 * The init of a shared PID namespace: the one case in which a pod has a process of its own. It waits for ever and reaps what is
 * orphaned to it. Its containers see it as `pause`, as with the other runtimes; there is nothing of the host to be seen in it.
 *
 * It is on record before it is there to stay: a crash on the way leaves none, or one that {@link stopInfraProcess} finds.
 *
 * @param userns the mapping of the pod's own user namespace
 * @param place moves it into its cgroup
 */
export async function startInfraProcess(
  reaper: Reaper,
  layout: SandboxLayout,
  own: { readonly net: boolean; readonly ipc: boolean; readonly uts: boolean },
  userns: IdMapping | undefined,
  place: (pid: number) => Promise<void>,
): Promise<void> {
  const pid = await startPodInit(reaper, {
    namespaces: {
      ...(userns && { user: layout.userns }),
      ...(own.net && { net: layout.netns }),
      ...(own.ipc && { ipc: layout.ipcns }),
      ...(own.uts && { uts: layout.utsns }),
    },
    path: layout.pidns,
    place,
    id: Math.min(initId, (userns?.size ?? Number.POSITIVE_INFINITY) - 1),
    record: (pid) => writeInfra(layout, pid, false),
  })
  writeInfra(layout, pid, true)
  void reaper.wait(pid)
}

/** Kills the init, and with it whatever is left in the pod's PID namespace. No error when there is none. */
export function stopInfraProcess(layout: SandboxLayout): void {
  const infra = readInfra(layout)
  if (!infra) return
  try {
    const pidfd = openPidfd(infra.pid)
    try {
      // The pid may have come to mean another process since: the pidfd and the start time say whether it is still ours.
      if (startTime(infra.pid) === infra.startTime) signalPidfd(pidfd, 'SIGKILL')
    } finally {
      closeSync(pidfd)
    }
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH' && errnoOf(error) !== 'ENOENT') throw error
  }
}

/** Whether the pod's init is there, for a pod that has one; its other processes cannot live without it. */
export function infraProcessAlive(layout: SandboxLayout): boolean {
  const infra = readInfra(layout)
  if (!infra) return false
  return startTime(infra.pid) === infra.startTime
}

/** The pid of the pod's init; undefined for a pod without one, or where a crash interrupted its start. */
export function infraProcessPid(layout: SandboxLayout): number | undefined {
  const infra = readInfra(layout)
  if (!infra) return undefined
  return infra.starting ? undefined : infra.pid
}

interface Infra {
  readonly pid: number
  readonly startTime: string
  /** Whether it stays is not sure yet: nothing was put into its namespace. */
  readonly starting?: boolean
}

function writeInfra(layout: SandboxLayout, pid: number, stays: boolean): void {
  const started = startTime(pid)
  if (started === undefined) throw operationFailed("the init of the pod's PID namespace has ended at once")
  const infra: Infra = { pid, startTime: started, ...(!stays && { starting: true }) }
  const file = infraFile(layout)
  writeFileSync(`${file}.new`, JSON.stringify(infra))
  renameSync(`${file}.new`, file)
}

function readInfra(layout: SandboxLayout): Infra | undefined {
  try {
    return JSON.parse(readFileSync(infraFile(layout), 'utf8')) as Infra
  } catch (error) {
    // Cut off on a full disk, before there was a process.
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

function infraFile(layout: SandboxLayout): string {
  return join(layout.folder, 'infra.json')
}

function startTime(pid: number): string | undefined {
  return readProcessStat(pid)?.startTime
}

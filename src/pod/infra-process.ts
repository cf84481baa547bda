import { closeSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'
import { openPidfd, signalPidfd } from '../linux/pidfd.ts'
import { startPodInit } from '../linux/pod-init.ts'
import type { Reaper } from '../linux/reaper.ts'
import type { IdMapping } from '../oci/runtime-spec.ts'
import type { SandboxLayout } from './layout.ts'

/** Its user and group, as the pod counts; nothing else has it. The pause processes of others have the same. */
const initId = 65535

/**
 * The init of a shared PID namespace: the one case in which a pod has a process of its own. It waits for ever and reaps what is
 * orphaned to it. Its containers see it as `pause`, as with the other runtimes; there is nothing of the host to be seen in it.
 *
 * It is on record before it is there to stay: a crash on the way leaves none.
 *
 * @param userns the mapping of the pod's own user namespace
 */
export async function startInfraProcess(
  reaper: Reaper,
  layout: SandboxLayout,
  own: { readonly net: boolean; readonly ipc: boolean; readonly uts: boolean },
  userns: IdMapping | undefined,
): Promise<void> {
  const pid = await startPodInit(reaper, {
    namespaces: {
      ...(userns && { user: layout.userns }),
      ...(own.net && { net: layout.netns }),
      ...(own.ipc && { ipc: layout.ipcns }),
      ...(own.uts && { uts: layout.utsns }),
    },
    path: layout.pidns,
    id: Math.min(initId, (userns?.size ?? Number.POSITIVE_INFINITY) - 1),
    record: (pid) => writeFileSync(infraFile(layout), JSON.stringify({ pid, startTime: startTime(pid) })),
  })
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
  try {
    return startTime(infra.pid) === infra.startTime
  } catch {
    return false
  }
}

/** The pid of the pod's init; undefined for a pod without one. */
export function infraProcessPid(layout: SandboxLayout): number | undefined {
  return readInfra(layout)?.pid
}

function readInfra(layout: SandboxLayout): { readonly pid: number; readonly startTime: string } | undefined {
  try {
    return JSON.parse(readFileSync(infraFile(layout), 'utf8')) as { pid: number; startTime: string }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function infraFile(layout: SandboxLayout): string {
  return join(layout.folder, 'infra.json')
}

/** When the process started, in clock ticks since boot: field 22 of /proc/PID/stat (proc_pid_stat(5)). */
function startTime(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

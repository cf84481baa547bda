import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'
import { createPipe } from '../linux/pipe.ts'
import { spawnInNewPidNamespace } from '../linux/pid-namespace.ts'
import { openPidfd, signalPidfd } from '../linux/pidfd.ts'
import type { Reaper } from '../linux/reaper.ts'
import { spawnInitInUserNamespace } from '../linux/user-namespace.ts'
import type { SandboxLayout } from './layout.ts'

/**
 * The init of a shared PID namespace: the one case in which a pod has a process of its own. It waits for ever, and the kernel
 * reaps what is orphaned to it, because it ignores SIGCHLD (wait(2)). Its containers see it as `pause`, as with the other
 * runtimes. It reads from a pipe of which it has the other end itself, so that nothing ever comes.
 *
 * It is a shell of the host with the host's root and all capabilities: a container's process may not look into it
 * (/proc/1/root) unless it has those capabilities too, which only a privileged container has. In a pod with a user namespace
 * it is that namespace's root.
 */
export async function startInfraProcess(
  reaper: Reaper,
  layout: SandboxLayout,
  options: { readonly ownUserNamespace: boolean },
): Promise<void> {
  const pipe = createPipe({ nonBlocking: false })
  const stderr = openSync('/dev/null', 'w')
  const stdio = { stdin: pipe.read, stdout: pipe.write }
  try {
    const pid = options.ownUserNamespace
      ? await spawnInitInUserNamespace(reaper, { ...stdio, user: layout.userns, path: layout.pidns, script })
      : spawnInNewPidNamespace(
          { file: '/bin/sh', argv0: 'pause', args: ['-c', script], cwd: '/', ...stdio, stderr, newSession: true },
          layout.pidns,
        )
    void reaper.wait(pid)
    writeFileSync(infraFile(layout), JSON.stringify({ pid, startTime: startTime(pid) }))
  } finally {
    for (const fd of [pipe.read, pipe.write, stderr]) closeSync(fd)
  }
}

const script = "trap '' CHLD; printf pause >/proc/self/comm; while :; do read _; done"

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

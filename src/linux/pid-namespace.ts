import { closeSync, openSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { check, libc } from './libc.ts'
import { bindMount } from './mount.ts'
import { kill, type SpawnRequest, spawn } from './spawn.ts'

const CLONE_NEWPID = 0x20000000

/**
 * Starts a process as the first (pid 1) of a new PID namespace, which is pinned by a bind mount at `path`, and answers its
 * pid as seen from here. When that process ends, the kernel kills all others of the namespace (pid_namespaces(7)).
 *
 * Synchronous on the main thread: from unshare to setns, whatever this process starts would land in the new namespace.
 */
export function spawnInNewPidNamespace(request: SpawnRequest, path: string): number {
  if (!isMainThread) throw new Error('spawnInNewPidNamespace is for the main thread')
  const home = openSync('/proc/self/ns/pid', 'r')
  try {
    check(libc.unshare(CLONE_NEWPID), 'unshare')
    let pid: number
    try {
      pid = spawn(request)
    } finally {
      // It cannot fail for a namespace that is ours; if it did, every later child would be lost with the pod.
      if (libc.setns(home, CLONE_NEWPID) !== 0) process.abort()
    }
    try {
      writeFileSync(path, '')
      bindMount(`/proc/${pid}/ns/pid`, path)
    } catch (error) {
      kill(pid, 'SIGKILL')
      throw error
    }
    return pid
  } finally {
    closeSync(home)
  }
}

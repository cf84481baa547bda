import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { deadlineExceeded, errnoOf, internal } from '../../lib/errors.ts'
import { openPidfd, signalPidfd } from '../pidfd.ts'

/**
 * Sends SIGKILL to each process that `list` names. A pid that came to mean another process between the list and the signal
 * is not hit: the pidfd is taken first, and only what is still listed then is signalled.
 */
export function killListed(list: () => number[]): void {
  const pidfds = list().flatMap((pid) => {
    refuseOwn(pid)
    try {
      return [{ pid, fd: openPidfd(pid) }]
    } catch (error) {
      // ESRCH: ended meanwhile. EINVAL: a thread, not a process; its process is listed too.
      if (['ESRCH', 'EINVAL'].includes(errnoOf(error) ?? '')) return []
      throw error
    }
  })
  try {
    const still = new Set(list())
    for (const { pid, fd } of pidfds) if (still.has(pid)) signalUnlessGone(fd)
  } finally {
    for (const { fd } of pidfds) closeSync(fd)
  }
}

function signalUnlessGone(pidfd: number): void {
  try {
    signalPidfd(pidfd, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

/** No container's cgroup holds this process; whoever asks for it has the wrong path. */
export function refuseOwn(pid: number): void {
  if (pid === process.pid) throw internal('refusing to kill a cgroup that Berth itself is in')
}

/** Calls `strike` until `list` is empty, at growing intervals. Throws deadline-exceeded with what is left. */
export async function killUntilEmpty(
  path: string,
  list: () => number[],
  strike: () => void,
  timeoutMs: number,
): Promise<void> {
  const end = performance.now() + timeoutMs
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    if (list().length === 0) return
    strike()
    const left = performance.now() > end ? list() : []
    if (left.length > 0) {
      throw deadlineExceeded(
        `processes ${left.join(', ')} of cgroup ${path} are still there ${timeoutMs / 1000} s after SIGKILL; ` +
          'they hang in the kernel (state D: a lost disk or NFS server?)',
      )
    }
    await delay(pauseMs)
  }
}

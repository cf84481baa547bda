import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { errnoOf } from '../lib/errors.ts'
import { exitStatusOf, hasEnded, openPidfd } from './pidfd.ts'
import { readProcessStat } from './process-stat.ts'
import type { ExitStatus, Reaper } from './reaper.ts'

/** How often a process that is not a child is looked at, in milliseconds. */
const interval = 100
/** How long its parent may take to reap it, in milliseconds; before that nobody is told how it ended. */
const reapPatience = 2000

/**
 * Waits for the end of a process that this one may have inherited or not. Its own child's status is known, and on Linux 6.15
 * that of any other process too; before that only that it has ended: undefined then.
 *
 * @param isStill whether the pid still means that process
 */
export async function watchProcess(
  reaper: Reaper,
  pid: number,
  isStill: () => boolean,
): Promise<ExitStatus | undefined> {
  const since = reaper.mark()
  const pidfd = openIfThere(pid)
  if (pidfd === undefined) return reaper.claim(pid)
  try {
    // As long as there is a process with this pid, what was reaped under it was another.
    if (readProcessStat(pid)?.parent === process.pid) return await reaper.wait(pid)
    if (!isStill() && !hasEnded(pidfd)) return undefined
    while (!hasEnded(pidfd)) await delay(interval)
    for (let waited = 0; waited < reapPatience; waited += interval) {
      const reaped = !readProcessStat(pid)?.zombie
      // This process may have become its parent meanwhile.
      const status = exitStatusOf(pidfd) ?? reaper.claim(pid, since)
      if (status || reaped) return status
      await delay(interval)
    }
    return undefined
  } finally {
    closeSync(pidfd)
  }
}

function openIfThere(pid: number): number | undefined {
  try {
    return openPidfd(pid)
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return undefined
    throw error
  }
}

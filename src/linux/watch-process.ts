import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { errnoOf } from '../lib/errors.ts'
import type { ExitStatus, Reaper } from './reaper.ts'

/** How often a process that is not a child is looked at, in milliseconds. */
const interval = 100

/**
 * Waits for the end of a process that this one may have inherited or not. Its own child's status is known; of another's
 * child only that it has ended: undefined then.
 *
 * @param isStill whether the pid still means that process
 */
export async function watchProcess(
  reaper: Reaper,
  pid: number,
  isStill: () => boolean,
): Promise<ExitStatus | undefined> {
  const parent = parentOf(pid)
  // As long as there is a process with this pid, what was reaped under it was another.
  if (parent === process.pid) return reaper.wait(pid)
  if (parent === undefined) return reaper.claim(pid)
  while (isStill()) await delay(interval)
  return undefined
}

/** The parent's pid: field 4 of /proc/PID/stat (proc_pid_stat(5)); undefined when there is no such process. */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined
    throw error
  }
}

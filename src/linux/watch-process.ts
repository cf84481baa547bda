import { closeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { exitStatusOf, hasEnded, openPidfdIfThere } from './pidfd.ts'
import { duplicate } from './pipe.ts'
import { readProcessStat } from './process-stat.ts'
import { ReadableWatch } from './readable.ts'
import type { ExitStatus, Reaper } from './reaper.ts'

/** How often it is looked whether a process that has ended was reaped, in milliseconds. */
const interval = 20
/** How long its parent may take to reap it, in milliseconds; before that nobody is told how it ended. */
const reapPatience = 2000

/**
 * Waits for the end of a process that this one may have inherited or not. Its own child's status is known, and on Linux 6.15
 * that of any other process too; before that only that it has ended: undefined then.
 *
 * @param isStill whether the pid still means that process; asked when there is no pidfd
 * @param held a pidfd that was opened while it ran; it is not taken over
 * @param signal gives the waiting up, with undefined
 */
export async function watchProcess(
  reaper: Reaper,
  pid: number,
  isStill: () => boolean,
  held?: number,
  signal?: AbortSignal,
): Promise<ExitStatus | undefined> {
  const since = reaper.mark()
  const pidfd = held === undefined ? openPidfdIfThere(pid) : duplicate(held)
  if (pidfd === undefined) return reaper.claim(pid)
  try {
    // It was reaped: the pid may mean another by now.
    const isOver = held !== undefined && hasEnded(pidfd) && !readProcessStat(pid)?.zombie
    if (isOver) return exitStatusOf(pidfd) ?? reaper.claim(pid)
    // As long as there is a process with this pid, what was reaped under it was another.
    if (readProcessStat(pid)?.parent === process.pid) return await Promise.race([reaper.wait(pid), aborted(signal)])
    if (held === undefined && !isStill() && !hasEnded(pidfd)) return undefined
    await processEnd(pidfd, signal)
    if (signal?.aborted) return undefined
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

/**
 * Resolves when the process behind a pidfd has ended, reaped or not, or when `signal` gives the waiting up. The pidfd is not
 * to be closed before.
 */
export async function processEnd(pidfd: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  // A pidfd can be read, as far as poll(2) goes, from then on.
  using _ = new ReadableWatch(pidfd, resolve)
  await Promise.race([promise, aborted(signal)])
}

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal | undefined): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  if (signal?.aborted) resolve(undefined)
  signal?.addEventListener('abort', () => resolve(undefined), { once: true })
  return promise
}

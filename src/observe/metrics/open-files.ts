import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { errnoOf } from '../../lib/errors.ts'

export interface OpenFiles {
  readonly descriptors: number
  readonly sockets: number
}

/** So many descriptors of a container are looked at, about 5 ms; of those beyond it is not known what they are. */
const mostLooks = 2000

/** The descriptors that processes have open. Processes that have ended meanwhile have none. */
export function openFiles(pids: readonly number[]): OpenFiles {
  let descriptors = 0
  let sockets = 0
  for (const pid of pids) {
    const names = unlessGone(() => readdirSync(`/proc/${pid}/fd`)) ?? []
    for (const name of names) {
      if (descriptors++ >= mostLooks) continue
      if (unlessGone(() => readlinkSync(`/proc/${pid}/fd/${name}`))?.startsWith('socket:')) sockets++
    }
  }
  return { descriptors, sockets }
}

/** The soft limit on open files of a process (proc_pid_limits(5)); undefined when there is none, or no process. */
export function openFilesLimit(pid: number): number | undefined {
  const text = unlessGone(() => readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? ''
  const [, soft] = /^Max open files\s+(\d+)/m.exec(text) ?? []
  return soft === undefined ? undefined : Number(soft)
}

function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the kernel tells of a running container that a user should know. */
export interface ProcessTrouble {
  /** `D` in an uninterruptible wait, `T` stopped, `t` traced, of its first process; absent when it is well. */
  readonly state?: string
  /** The kernel's function that it waits in, where the kernel tells. */
  readonly waitsIn?: string
  /** How many of its processes the OOM killer has killed. */
  readonly oomKills: number
}

/**
 * Looks at a container's first process and at its cgroup on this machine; undefined when nothing is wrong, or nothing can be
 * seen (the runtime is on another machine).
 *
 * @param cgroup its path below the mount point of cgroups
 */
export function processTrouble(pid: number, cgroup: string | undefined, roots = machine): ProcessTrouble | undefined {
  const stat = read(join(roots.proc, String(pid), 'stat'))
  // The name, in parentheses, may hold anything (proc_pid_stat(5)).
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
  const troubled = ['D', 'T', 't'].includes(state)
  const waitsIn = troubled ? read(join(roots.proc, String(pid), 'wchan')) : ''
  const oomKills = cgroup === undefined ? 0 : oomKillsOf(roots.cgroups, cgroup)
  if (!troubled && oomKills === 0) return undefined
  return { ...(troubled && { state }), ...(waitsIn !== '' && waitsIn !== '0' && { waitsIn }), oomKills }
}

const machine = { proc: '/proc', cgroups: '/sys/fs/cgroup' }

/** `oom_kill` of memory.events (v2) or memory.oom_control (v1). */
function oomKillsOf(root: string, cgroup: string): number {
  const events = read(join(root, cgroup, 'memory.events')) || read(join(root, 'memory', cgroup, 'memory.oom_control'))
  return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

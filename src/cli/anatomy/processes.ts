import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readIfThere } from './read-if-there.ts'

export interface Process {
  readonly pid: number
  readonly parent: number
  /** Its number in its own PID namespace. */
  readonly inside: number
  /** The user it runs as, by the node's numbers. */
  readonly uid: number
  /** Its command line, on one line. */
  readonly command: string
}

/** All processes of this machine, as far as /proc tells, by their numbers. */
export function readProcesses(proc: string): ReadonlyMap<number, Process> {
  const pids = readdirSync(proc).filter((name) => /^\d+$/.test(name))
  return new Map(pids.flatMap((name) => readProcess(proc, Number(name)) ?? []).map((process) => [process.pid, process]))
}

/** proc_pid_status(5); none when it has ended meanwhile. */
function readProcess(proc: string, pid: number): Process | undefined {
  const status = readIfThere(join(proc, String(pid), 'status'))
  const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? ''
  if (status === '') return undefined
  const args = readIfThere(join(proc, String(pid), 'cmdline'))
    .replaceAll('\0', ' ')
    .trim()
  return {
    pid,
    parent: Number(field('PPid')),
    inside: Number(field('NSpid').split(/\s+/).at(-1) || pid),
    uid: Number(field('Uid').split(/\s+/)[0]),
    command: args || `[${field('Name')}]`,
  }
}

/** From the process that all others come from down to the parent of `pid`. */
export function ancestorsOf(pid: number, processes: ReadonlyMap<number, Process>): readonly Process[] {
  const parent = processes.get(processes.get(pid)?.parent ?? 0)
  return parent ? [...ancestorsOf(parent.pid, processes), parent] : []
}

/** A process with all that it has started, and how deep each is below it. */
export function familyOf(
  pid: number,
  processes: ReadonlyMap<number, Process>,
  depth = 0,
): readonly { readonly process: Process; readonly depth: number }[] {
  const process = processes.get(pid)
  if (!process) return []
  const children = [...processes.values()].filter(({ parent }) => parent === pid)
  return [{ process, depth }, ...children.flatMap((child) => familyOf(child.pid, processes, depth + 1))]
}

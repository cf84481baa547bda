import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/** A process as /proc shows it. */
export interface Process {
  readonly pid: number
  readonly parent: number
  /** The name of the program, 15 characters at most. */
  readonly name: string
  readonly commandLine: string
  /** Whether it shares its PID namespace with this process: what runs in a container does not, unless it asked to. */
  readonly onHost: boolean
}

export function allProcesses(): Process[] {
  const own = readlinkSync('/proc/self/ns/pid')
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        const nameEnd = stat.lastIndexOf(')')
        return {
          pid: Number(pid),
          parent: Number(stat.slice(nameEnd + 2).split(' ')[1]),
          name: stat.slice(stat.indexOf('(') + 1, nameEnd),
          commandLine: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '),
          onHost: readlinkSync(`/proc/${pid}/ns/pid`) === own,
        }
      } catch {
        // It has ended meanwhile.
        return []
      }
    })
}

/** The file that a process runs; of Node the script. */
export function programOf({ commandLine, name }: Process): string {
  const [program = '', ...args] = commandLine.trim().split(' ')
  const script = basename(program) === 'node' ? args.find((arg) => !arg.startsWith('-')) : undefined
  return basename(script ?? program) || name
}

/**
 * Every process of a runtime: its daemon with all below it, its monitors (shims, conmons), which have the mark in their
 * command lines and may be children of pid 1, and the pause processes of pods. Not what runs in the containers.
 *
 * @param self this process; it and what started it have the mark in their command lines, too
 */
export function processesOfRuntime(
  all: readonly Process[],
  { server, mark, self }: { readonly server: number; readonly mark: string; readonly self: number },
): Process[] {
  const byPid = new Map(all.map((process) => [process.pid, process]))
  const strangers = new Set<number>()
  for (let at = byPid.get(self); at; at = byPid.get(at.parent)) strangers.add(at.pid)
  const marked = (process: Process) => process.onHost && process.commandLine.includes(mark)
  const belongs = (process: Process | undefined): boolean =>
    process !== undefined &&
    !strangers.has(process.pid) &&
    (process.pid === server || marked(process) || belongs(byPid.get(process.parent)))
  return all.filter((process) => belongs(process) && (process.onHost || process.name === 'pause'))
}

import { readdirSync, readFileSync } from 'node:fs'

export interface FoundProcess {
  readonly pid: number
  readonly args: readonly string[]
}

/** The processes that were started with this argument, as far as they do not hide it (proc_pid_cmdline(5)). */
export function processesWithArgument(isIt: (argument: string) => boolean): FoundProcess[] {
  return readdirSync('/proc').flatMap((name): FoundProcess[] => {
    if (!/^\d+$/.test(name)) return []
    const args = argumentsOf(name)
    return args.some(isIt) ? [{ pid: Number(name), args }] : []
  })
}

function argumentsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    // It has ended meanwhile.
    return []
  }
}

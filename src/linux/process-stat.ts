import { readFileSync } from 'node:fs'

/** What ties a process to others (proc_pid_stat(5)), in the pids of this process's own namespace. */
export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  readonly session: number
  /** It has ended and waits for its parent to take notice. */
  readonly zombie: boolean
  /** When it started, in clock ticks since boot: tells it from an earlier process with its pid. */
  readonly startTime: string
}

/** Undefined when there is no such process (any more). */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return undefined
  }
}

/** When a process started, in nanoseconds since the epoch, to a few hundredths of a second; undefined when it is not there. */
export function startOfProcess(pid: number): bigint | undefined {
  const ticks = readProcessStat(pid)?.startTime
  if (ticks === undefined) return undefined
  // USER_HZ is 100 on every architecture that Node runs on (time(7)); boot times are whole seconds.
  const [, booted] = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8')) ?? []
  return BigInt(booted ?? 0) * 1_000_000_000n + BigInt(ticks) * 10_000_000n
}

const PF_EXITING = 4
/** In the masks of signals in /proc/<pid>/status the lowest bit is signal 1. */
const sigkillBit = 1n << 8n

/** Whether a process has ended, is about to, or has a SIGKILL coming that it has not taken yet. */
export function isEnding(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const flags = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[6])
    const pending = [...status.matchAll(/^S(?:ig|hd)Pnd:\s*([0-9a-f]+)$/gm)].some(
      ([, mask = '0']) => (BigInt(`0x${mask}`) & sigkillBit) !== 0n,
    )
    return parseProcessStat(stat).zombie || (flags & PF_EXITING) !== 0 || pending
  } catch {
    return true
  }
}

/** The name in the second field may hold blanks and parentheses; the last `)` ends it. */
export function parseProcessStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, parent, , session] = fields
  return {
    pid: Number.parseInt(text, 10),
    parent: Number(parent),
    session: Number(session),
    zombie: state === 'Z' || state === 'X',
    startTime: fields[19] ?? '',
  }
}

/**
 * The processes that come of `roots`: their children and grandchildren, and those in the sessions that any of these leads,
 * where processes stay whose parents have ended. Zombies are not told, but their descendants are.
 */
export function descendantsOf(roots: Iterable<number>, processes: readonly ProcessStat[]): Set<number> {
  const known = new Set(roots)
  for (let before = -1; before !== known.size; ) {
    before = known.size
    for (const { pid, parent, session } of processes) if (known.has(parent) || known.has(session)) known.add(pid)
  }
  const alive = processes.filter(({ pid, zombie }) => known.has(pid) && !zombie)
  return new Set(alive.map(({ pid }) => pid))
}

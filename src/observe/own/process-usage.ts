import { readdirSync, readFileSync } from 'node:fs'

/** What a process of Berth's takes. */
export interface ProcessUsage {
  /** `berthd`, `shim-0` */
  readonly name: string
  /** The proportional set size: what several processes share counts in parts. */
  readonly memoryBytes: number
  /** User and system. */
  readonly cpuSeconds: number
  readonly openFiles: number
}

/** Ticks a second of the times in /proc, USER_HZ: 100 on every architecture that Node runs on (proc(5)). */
const ticks = 100

/** Undefined when it has ended. */
export function processUsage(name: string, pid: number): ProcessUsage | undefined {
  try {
    const memory = /^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // utime and stime are the 14th and 15th, the 2nd ends with the last parenthesis and may have blanks.
    const [utime, stime] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
    return {
      name,
      memoryBytes: Number(memory?.[1] ?? 0) * 1024,
      cpuSeconds: (Number(utime) + Number(stime)) / ticks,
      openFiles: readdirSync(`/proc/${pid}/fd`).length,
    }
  } catch {
    return undefined
  }
}

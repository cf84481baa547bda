import { readlinkSync } from 'node:fs'
import { kernelLog } from './kernel-log.ts'

/** How much of the end of the kernel's log is looked at, in bytes. */
const logBytes = 512 * 1024

/** The initial PID namespace (PROC_PID_INIT_INO of the kernel), in whose numbers the kernel's log is written. */
const initialPidNamespace = 'pid:[4026531836]'

/**
 * The processes that the kernel says it has killed for want of memory in the last `seconds`, or longer ago. Undefined when that
 * cannot be known: the log may not be read, or does not reach back so far.
 */
export function oomVictims(seconds: number): readonly number[] | undefined {
  if (readlinkSync('/proc/self/ns/pid') !== initialPidNamespace) return undefined
  const log = kernelLog(logBytes)
  return log === undefined || secondsCovered(log) < seconds ? undefined : victimsIn(log)
}

/**
 * Out of lines as `<3>[ 22286.958298] Memory cgroup out of memory: Killed process 11231 (tail) total-vm:9984kB, …`
 * (__oom_kill_process of mm/oom_kill.c). There is one for each victim, while the lines that tell its cgroup
 * (dump_oom_victim) are left out when there are more than ten in five seconds. The name in brackets is the victim's to choose.
 */
export function victimsIn(log: string): number[] {
  return [...log.matchAll(/^<\d+>\[ *[\d.]+\] [^()]*?: Killed process (\d+) \(/gm)].map(([, pid]) => Number(pid))
}

/** From the oldest line to the newest, by the kernel's own clock. */
export function secondsCovered(log: string): number {
  const times = [...log.matchAll(/^<\d+>\[ *([\d.]+)\] /gm)]
  return Number(times.at(-1)?.[1] ?? 0) - Number(times[0]?.[1] ?? 0)
}

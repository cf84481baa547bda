import { readlinkSync } from 'node:fs'
import { kernelLog } from './kernel-log.ts'

/** How much of the end of the kernel's log is looked at, in bytes. */
const logBytes = 512 * 1024

/** The initial PID namespace (PROC_PID_INIT_INO of the kernel), in whose numbers the kernel's log is written. */
const initialPidNamespace = 'pid:[4026531836]'

/**
 * The processes of a cgroup and of those below it that the kernel says it has killed for want of memory. The log forgets, and
 * the kernel says less than it does when there is much to say: it may have killed more. Undefined when it cannot be known.
 */
export function oomVictims(cgroup: string): readonly number[] | undefined {
  if (readlinkSync('/proc/self/ns/pid') !== initialPidNamespace) return undefined
  const log = kernelLog(logBytes)
  return log === undefined ? undefined : victimsIn(log, cgroup)
}

/**
 * Out of lines as `oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=/a,task_memcg=/a/b,task=sh,pid=20138,uid=0`
 * (dump_oom_victim of mm/oom_kill.c). The name of the task is the container's to choose, up to 15 bytes of anything.
 */
export function victimsIn(log: string, cgroup: string): number[] {
  return log.split('\n').flatMap((line) => {
    if (!line.includes('oom-kill:constraint=')) return []
    const [, memcg = '', pid] = /,task_memcg=(.*?),task=.*,pid=(\d+),uid=\d+$/.exec(line) ?? []
    return memcg === cgroup || memcg.startsWith(`${cgroup}/`) ? [Number(pid)] : []
  })
}

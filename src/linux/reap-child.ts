import { libc } from './libc.ts'

const P_PID = 1
const WEXITED = 4

/**
 * Waits for a child that has been killed, unless whoever reaps all children of this process has done so already; for
 * threads that have no Reaper. Takes no time: the child is about to end.
 */
export function reapKilled(pid: number): void {
  libc.waitid(P_PID, pid, Buffer.alloc(128), WEXITED)
}

/** What is known of the end of a container, for whether it was the work of the kernel's OOM killer. */
export interface OomFacts {
  /** The container's first process. */
  readonly pid: number
  /** The signal that killed it, or 0. */
  readonly signal: number
  /** How many processes of its cgroup the kernel has killed for want of memory. */
  readonly kills: number
  /** How many it had killed when Berth itself came to kill the container; undefined when Berth did not. */
  readonly killsBefore: number | undefined
  /** The processes that the kernel's log says it killed; undefined when the log does not tell. */
  readonly victims: () => readonly number[] | undefined
}

/**
 * Whether the OOM killer has a part in the end of a container. It has not when it had killed a child some time before, and then
 * somebody else came with SIGKILL: Berth, which leaves word of it, or anybody, of which only the kernel's log can tell.
 */
export function hasOomPart({ pid, signal, kills, killsBefore, victims }: OomFacts): boolean {
  if (kills === 0) return false
  if (killsBefore !== undefined) return kills > killsBefore
  // An exit code of 137 that a shell passes on is the end of its child.
  if (signal !== 9) return true
  const known = victims()
  return known === undefined || known.includes(pid)
}

import { openSync, readFileSync, write } from 'node:fs'
import { join } from 'node:path'
import { type CgroupLayout, readCgroupLayout } from './layout.ts'

/** Long enough that calls for one and the same start of a container become one, in milliseconds. */
const coalesceMs = 3

/**
 * Gets the kernel ready for a process to be moved into a cgroup, which every OCI runtime is about to do.
 *
 * The kernel guards such moves with one lock for all cgroups (`cgroup_threadgroup_rwsem`, a percpu_rw_semaphore). The first
 * writer after a pause waits for an RCU grace period, 10 to 15 ms, until readers take the slow path; for about as long after
 * it, the next writers do not wait (`rcu_sync_enter` in kernel/rcu/sync.c). Here this process moves itself to where it is
 * already: it waits in a thread of its own while the OCI runtime is still starting up.
 */
export class AttachWarmup {
  readonly #fd: number | undefined
  #busy = false
  #last = 0

  /** @param procsFile the `cgroup.procs` of the cgroup that this process is in; where it cannot be opened, nothing is done. */
  constructor(procsFile: string = ownProcsFile()) {
    this.#fd = openOrNot(procsFile)
  }

  /** Returns at once; nothing depends on whether it works. */
  expectAttach(): void {
    const now = performance.now()
    if (this.#fd === undefined || this.#busy || now - this.#last < coalesceMs) return
    this.#busy = true
    write(this.#fd, zero, 0, zero.length, null, () => {
      this.#busy = false
      this.#last = performance.now()
    })
  }
}

function openOrNot(path: string): number | undefined {
  try {
    return openSync(path, 'w')
  } catch {
    return undefined
  }
}

/** What `cgroup.procs` takes for "the process that writes" (cgroups(7)). */
const zero = Buffer.from('0')

/** The `cgroup.procs` that this process is listed in, in any one hierarchy. */
export function ownProcsFile(
  layout: CgroupLayout = readCgroupLayout(),
  procCgroup: string = readFileSync('/proc/self/cgroup', 'utf8'),
): string {
  if (layout.version === 2) return join(layout.root, ownPath(procCgroup, ''), 'cgroup.procs')
  const [hierarchy] = layout.hierarchies
  return join(hierarchy?.root ?? '', ownPath(procCgroup, hierarchy?.controllers[0] ?? ''), 'cgroup.procs')
}

/** The path in the line `id:controllers:path` (cgroups(7)) of the hierarchy that has `controller`; `''` is version 2. */
function ownPath(procCgroup: string, controller: string): string {
  for (const line of procCgroup.split('\n')) {
    const [, controllers, ...path] = line.split(':')
    if (controllers?.split(',').includes(controller)) return path.join(':')
  }
  return '/'
}

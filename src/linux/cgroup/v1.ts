import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../lib/errors.ts'
import type { CgroupUsage, Cgroups } from './cgroups.ts'
import { keyedValue } from './keyed-file.ts'
import { killListed, killUntilEmpty } from './kill-processes.ts'
import type { CgroupHierarchy } from './layout.ts'
import { cgroupFolder } from './path.ts'
import { foldersDeepestFirst, pidsBelow, readIfThere, removeTrees } from './tree.ts'

/** Version 1: a hierarchy for each controller (Documentation/admin-guide/cgroup-v1/). */
export class CgroupsV1 implements Cgroups {
  readonly version = 1
  readonly #hierarchies: readonly CgroupHierarchy[]

  constructor(layout: { readonly hierarchies: readonly CgroupHierarchy[] }) {
    this.#hierarchies = layout.hierarchies
  }

  exists(path: string): boolean {
    return this.#folders(path).some((folder) => existsSync(folder))
  }

  /** A process is in one cgroup of each hierarchy; the runtime puts it into the same one everywhere, but not every hierarchy must be there. */
  pids(path: string): number[] {
    return [...new Set(this.#folders(path).flatMap(pidsBelow))]
  }

  async kill(path: string, timeoutMs = 10_000): Promise<void> {
    const list = () => this.pids(path)
    await killUntilEmpty(path, list, () => this.#killFrozen(path, list), timeoutMs)
  }

  async remove(path: string, timeoutMs = 2_000): Promise<void> {
    await removeTrees(this.#folders(path), timeoutMs)
  }

  /** The counter of memory.oom_control is that of one cgroup alone (since Linux 4.13). */
  oomKills(path: string): number {
    return foldersDeepestFirst(this.#folder('memory', path) ?? '')
      .map((folder) => keyedValue(readIfThere(folder, 'memory.oom_control'), 'oom_kill') ?? 0)
      .reduce((sum, count) => sum + count, 0)
  }

  usage(path: string): CgroupUsage {
    const cpu = this.#read('cpuacct', path, 'cpuacct.usage')
    const pids = this.#read('pids', path, 'pids.current')
    return {
      ...(cpu === undefined ? {} : { cpu: { usageNs: BigInt(cpu.trim()) } }),
      ...this.#memoryUsage(path),
      ...(pids === undefined ? {} : { pids: { current: Number(pids) } }),
    }
  }

  #memoryUsage(path: string): Pick<CgroupUsage, 'memory'> {
    const current = this.#read('memory', path, 'memory.usage_in_bytes')
    const stat = this.#read('memory', path, 'memory.stat')
    if (current === undefined || stat === undefined) return {}
    const usage = Number(current)
    const limit = Number(this.#read('memory', path, 'memory.limit_in_bytes'))
    return {
      memory: {
        usage,
        workingSet: Math.max(0, usage - (keyedValue(stat, 'total_inactive_file') ?? 0)),
        rss: keyedValue(stat, 'total_rss') ?? 0,
        pageFaults: keyedValue(stat, 'total_pgfault') ?? 0,
        majorPageFaults: keyedValue(stat, 'total_pgmajfault') ?? 0,
        ...(limit < unlimited ? { limit } : {}),
      },
    }
  }

  /**
   * On version 1 a frozen process takes its SIGKILL only when thawed: freeze, so that nothing can be forked, signal all,
   * thaw, also what was paused below before. A machine without the freezer controller has only repetition.
   */
  #killFrozen(path: string, list: () => number[]): void {
    const freezer = this.#folder('freezer', path)
    if (freezer === undefined) return killListed(list)
    setFreezerState(freezer, 'FROZEN')
    try {
      killListed(list)
    } finally {
      for (const folder of foldersDeepestFirst(freezer).toReversed()) setFreezerState(folder, 'THAWED')
    }
  }

  #read(controller: string, path: string, file: string): string | undefined {
    const folder = this.#folder(controller, path)
    return folder === undefined ? undefined : readIfThere(folder, file)
  }

  #folder(controller: string, path: string): string | undefined {
    const hierarchy = this.#hierarchies.find(({ controllers }) => controllers.includes(controller))
    return hierarchy && cgroupFolder(hierarchy.root, path)
  }

  #folders(path: string): string[] {
    return this.#hierarchies.map(({ root }) => cgroupFolder(root, path))
  }
}

/** "No limit" is the largest multiple of the page size (PAGE_COUNTER_MAX); no machine has half of that. */
const unlimited = 2 ** 62

/** Writes to freezer.state; nothing when there is no such cgroup. */
function setFreezerState(folder: string, state: 'FROZEN' | 'THAWED'): void {
  try {
    writeFileSync(join(folder, 'freezer.state'), state, { flag: 'r+' })
  } catch (error) {
    if (!['ENOENT', 'ENODEV'].includes(errnoOf(error) ?? '')) throw error
  }
}

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../lib/errors.ts'
import type { Cgroups } from './cgroups.ts'
import { parseBlkio } from './device-usage.ts'
import { hugepageSizes } from './hugepages.ts'
import { keyedValue } from './keyed-file.ts'
import { killListed, killUntilEmpty } from './kill-processes.ts'
import type { CgroupHierarchy } from './layout.ts'
import type { CgroupLimits } from './limits.ts'
import { cgroupFolder } from './path.ts'
import { makeCgroup, placeIn } from './place.ts'
import { readPressure } from './pressure.ts'
import { applySettings } from './settings.ts'
import { v1Settings } from './settings-v1.ts'
import { childrenOf, foldersDeepestFirst, pidsBelow, readIfThere, removeTrees } from './tree.ts'
import type { CgroupDetails, CgroupUsage } from './usage.ts'

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

  children(path: string): string[] {
    return [...new Set(this.#folders(path).flatMap(childrenOf))]
  }

  /** A process is in one cgroup of each hierarchy; the runtime puts it into the same one everywhere, but not every hierarchy must be there. */
  pids(path: string): number[] {
    return [...new Set(this.#folders(path).flatMap(pidsBelow))]
  }

  /** Of one hierarchy: the runtime has put them into the same cgroup in all. */
  processCount(path: string): number {
    const folder = this.#folder('pids', path) ?? this.#folder('memory', path) ?? this.#folders(path)[0]
    return folder === undefined ? 0 : pidsBelow(folder).length
  }

  async kill(path: string, timeoutMs = 10_000): Promise<void> {
    const list = () => this.pids(path)
    await killUntilEmpty(path, list, () => this.#killFrozen(path, list), timeoutMs)
  }

  async remove(path: string, timeoutMs = 2_000): Promise<void> {
    await removeTrees(this.#folders(path), timeoutMs)
  }

  place(path: string, pid: number): void {
    for (const { root } of this.#hierarchies) placeIn(makeCgroup(root, path), pid)
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
    const unified = this.#unified()
    return {
      ...(cpu === undefined ? {} : { cpu: { usageNs: BigInt(cpu.trim()) } }),
      ...this.#memoryUsage(path),
      ...(pids === undefined ? {} : { pids: { current: Number(pids) } }),
      ...(unified === undefined ? {} : readPressure(cgroupFolder(unified, path))),
    }
  }

  details(path: string): CgroupDetails {
    const pidsLimit = Number(this.#read('pids', path, 'pids.max')?.trim())
    const recursive = (file: string) => this.#read('blkio', path, `blkio.throttle.${file}_recursive`) ?? ''
    return {
      ...this.#cpuDetails(path),
      ...this.#memoryDetails(path),
      // "max" when there is none.
      ...(Number.isFinite(pidsLimit) ? { pidsLimit } : {}),
      devices: parseBlkio(recursive('io_service_bytes'), recursive('io_serviced')),
      hugepages: hugepageSizes().flatMap((pageSize) => {
        const usage = this.#read('hugetlb', path, `hugetlb.${pageSize}.usage_in_bytes`)
        const peak = this.#read('hugetlb', path, `hugetlb.${pageSize}.max_usage_in_bytes`)
        return usage === undefined ? [] : [{ pageSize, usage: Number(usage), peak: Number(peak) }]
      }),
    }
  }

  /** A memory limit below what is in use is the kernel's to refuse: it reclaims what it can, then says EBUSY. */
  async limit(path: string, limits: CgroupLimits): Promise<void> {
    const files = {
      folder: (controller: string) => this.#folder(controller, path),
      number: (controller: string, file: string) => Number(this.#read(controller, path, file) ?? 0),
    }
    await applySettings(v1Settings(files, limits))
  }

  #memoryUsage(path: string): Pick<CgroupUsage, 'memory' | 'swap'> {
    const current = this.#read('memory', path, 'memory.usage_in_bytes')
    const stat = this.#read('memory', path, 'memory.stat')
    if (current === undefined || stat === undefined) return {}
    const usage = Number(current)
    const limit = limitOf(this.#read('memory', path, 'memory.limit_in_bytes'))
    const swap = keyedValue(stat, 'total_swap')
    const both = limitOf(this.#read('memory', path, 'memory.memsw.limit_in_bytes'))
    const swapLimit = both === undefined ? undefined : Math.max(0, both - (limit ?? 0))
    return {
      memory: {
        usage,
        workingSet: Math.max(0, usage - (keyedValue(stat, 'total_inactive_file') ?? 0)),
        rss: keyedValue(stat, 'total_rss') ?? 0,
        pageFaults: keyedValue(stat, 'total_pgfault') ?? 0,
        majorPageFaults: keyedValue(stat, 'total_pgmajfault') ?? 0,
        ...(limit === undefined ? {} : { limit }),
      },
      // memory.stat has the line where the kernel counts swap.
      ...(swap === undefined
        ? {}
        : { swap: { usage: swap, ...(swapLimit === undefined ? {} : { limit: swapLimit }) } }),
    }
  }

  #cpuDetails(path: string): Pick<CgroupDetails, 'cpu'> {
    const user = this.#read('cpuacct', path, 'cpuacct.usage_user')
    const system = this.#read('cpuacct', path, 'cpuacct.usage_sys')
    const stat = this.#read('cpu', path, 'cpu.stat')
    if (user === undefined && stat === undefined) return {}
    return {
      cpu: {
        userNs: Number(user ?? 0),
        systemNs: Number(system ?? 0),
        periods: keyedValue(stat, 'nr_periods') ?? 0,
        throttledPeriods: keyedValue(stat, 'nr_throttled') ?? 0,
        throttledNs: keyedValue(stat, 'throttled_time') ?? 0,
      },
    }
  }

  #memoryDetails(path: string): Pick<CgroupDetails, 'memory'> {
    const stat = this.#read('memory', path, 'memory.stat')
    if (stat === undefined) return {}
    const number = (file: string) => Number(this.#read('memory', path, file) ?? 0)
    return {
      memory: {
        peak: number('memory.max_usage_in_bytes'),
        cache: keyedValue(stat, 'total_cache') ?? 0,
        mappedFile: keyedValue(stat, 'total_mapped_file') ?? 0,
        activeFile: keyedValue(stat, 'total_active_file') ?? 0,
        inactiveFile: keyedValue(stat, 'total_inactive_file') ?? 0,
        kernel: number('memory.kmem.usage_in_bytes'),
        limitHits: number('memory.failcnt'),
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

  /** The v2 hierarchy of a hybrid layout: it has no controllers that matter here, but the pressure. */
  #unified(): string | undefined {
    return this.#hierarchies.find(({ controllers }) => controllers.length === 0)?.root
  }

  #folders(path: string): string[] {
    return this.#hierarchies.map(({ root }) => cgroupFolder(root, path))
  }
}

/** "No limit" is the largest multiple of the page size (PAGE_COUNTER_MAX); no machine has half of that. */
const unlimited = 2 ** 62

function limitOf(text: string | undefined): number | undefined {
  const limit = Number(text)
  return limit < unlimited ? limit : undefined
}

/** Writes to freezer.state; nothing when there is no such cgroup. */
function setFreezerState(folder: string, state: 'FROZEN' | 'THAWED'): void {
  try {
    writeFileSync(join(folder, 'freezer.state'), state, { flag: 'r+' })
  } catch (error) {
    if (!['ENOENT', 'ENODEV'].includes(errnoOf(error) ?? '')) throw error
  }
}

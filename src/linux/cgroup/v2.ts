import { existsSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, failedPrecondition } from '../../lib/errors.ts'
import type { Cgroups } from './cgroups.ts'
import { parseIoStat } from './device-usage.ts'
import { hugepageSizes } from './hugepages.ts'
import { keyedValue } from './keyed-file.ts'
import { killListed, killUntilEmpty, refuseOwn } from './kill-processes.ts'
import type { CgroupLimits } from './limits.ts'
import { cgroupFolder } from './path.ts'
import { makeCgroup, placeIn } from './place.ts'
import { readPressure } from './pressure.ts'
import { applySettings } from './settings.ts'
import { v2Settings } from './settings-v2.ts'
import { childrenOf, pidsBelow, readIfThere, removeTrees } from './tree.ts'
import type { CgroupDetails, CgroupUsage } from './usage.ts'

/** Version 2: one hierarchy (Documentation/admin-guide/cgroup-v2.rst). */
export class CgroupsV2 implements Cgroups {
  readonly version = 2
  readonly #root: string

  /** @param root where cgroup2 is mounted. */
  constructor(root: string) {
    this.#root = root
  }

  exists(path: string): boolean {
    return existsSync(cgroupFolder(this.#root, path))
  }

  children(path: string): string[] {
    return childrenOf(cgroupFolder(this.#root, path))
  }

  pids(path: string): number[] {
    return pidsBelow(cgroupFolder(this.#root, path))
  }

  processCount(path: string): number {
    return this.pids(path).length
  }

  async kill(path: string, timeoutMs = 10_000): Promise<void> {
    const folder = cgroupFolder(this.#root, path)
    const list = () => pidsBelow(folder)
    const strike = () => {
      list().forEach(refuseOwn)
      if (!write(folder, 'cgroup.kill', '1')) killFrozen(folder, list)
    }
    await killUntilEmpty(path, list, strike, timeoutMs)
  }

  async remove(path: string, timeoutMs = 2_000): Promise<void> {
    await removeTrees([cgroupFolder(this.#root, path)], timeoutMs)
  }

  place(path: string, pid: number): void {
    placeIn(makeCgroup(this.#root, path), pid)
  }

  /** The counter of memory.events includes the cgroups below. */
  oomKills(path: string): number {
    return keyedValue(readIfThere(cgroupFolder(this.#root, path), 'memory.events'), 'oom_kill') ?? 0
  }

  usage(path: string): CgroupUsage {
    const folder = cgroupFolder(this.#root, path)
    const usageUs = keyedValue(readIfThere(folder, 'cpu.stat'), 'usage_usec')
    const pids = readIfThere(folder, 'pids.current')
    return {
      ...(usageUs === undefined ? {} : { cpu: { usageNs: BigInt(usageUs) * 1000n } }),
      ...memoryUsage(folder),
      ...swapUsage(folder),
      ...(pids === undefined ? {} : { pids: { current: Number(pids) } }),
      ...readPressure(folder),
    }
  }

  details(path: string): CgroupDetails {
    const folder = cgroupFolder(this.#root, path)
    const pidsLimit = limitIn(folder, 'pids.max')
    return {
      ...cpuDetails(folder),
      ...memoryDetails(folder),
      ...(pidsLimit === undefined ? {} : { pidsLimit }),
      devices: parseIoStat(readIfThere(folder, 'io.stat') ?? ''),
      hugepages: hugepageSizes().flatMap((pageSize) => {
        const usage = readIfThere(folder, `hugetlb.${pageSize}.current`)
        return usage === undefined ? [] : [{ pageSize, usage: Number(usage) }]
      }),
    }
  }

  async limit(path: string, limits: CgroupLimits, sharesBefore: number): Promise<void> {
    const folder = cgroupFolder(this.#root, path)
    await makeRoom(folder, limits.memory?.limit)
    await applySettings(v2Settings(folder, limits, sharesBefore))
  }
}

/**
 * Version 2 takes a memory limit below what is in use, and then kills: so what can be reclaimed is (memory.reclaim, Linux
 * 5.19), and the limit refused when that is not enough.
 */
async function makeRoom(folder: string, limit: number | undefined): Promise<void> {
  const used = () => Number(readIfThere(folder, 'memory.current') ?? 0)
  if (limit === undefined || limit === -1 || used() <= limit) return
  // EAGAIN: it could not reclaim all of it.
  await writeFile(join(folder, 'memory.reclaim'), String(used() - limit), { flag: 'r+' }).catch(() => {})
  if (used() <= limit) return
  throw failedPrecondition(
    `cannot set memory.max to ${limit}: ${used()} bytes are in use and cannot be reclaimed; nothing was changed`,
  )
}

/** Before Linux 5.14 there is no cgroup.kill: a frozen process cannot fork, and can be killed (on version 2) as it is. */
function killFrozen(folder: string, list: () => number[]): void {
  write(folder, 'cgroup.freeze', '1')
  try {
    killListed(list)
  } finally {
    write(folder, 'cgroup.freeze', '0')
  }
}

/** Writes to a file of a cgroup; answers false when the kernel does not have it or the cgroup is gone. */
function write(folder: string, file: string, value: string): boolean {
  try {
    writeFileSync(join(folder, file), value, { flag: 'r+' })
    return true
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

function memoryUsage(folder: string): Pick<CgroupUsage, 'memory'> {
  const current = readIfThere(folder, 'memory.current')
  const stat = readIfThere(folder, 'memory.stat')
  if (current === undefined || stat === undefined) return {}
  const usage = Number(current)
  const limit = limitIn(folder, 'memory.max')
  return {
    memory: {
      usage,
      workingSet: Math.max(0, usage - (keyedValue(stat, 'inactive_file') ?? 0)),
      rss: keyedValue(stat, 'anon') ?? 0,
      pageFaults: keyedValue(stat, 'pgfault') ?? 0,
      majorPageFaults: keyedValue(stat, 'pgmajfault') ?? 0,
      ...(limit === undefined ? {} : { limit }),
    },
  }
}

function swapUsage(folder: string): Pick<CgroupUsage, 'swap'> {
  const usage = readIfThere(folder, 'memory.swap.current')
  if (usage === undefined) return {}
  const limit = limitIn(folder, 'memory.swap.max')
  return { swap: { usage: Number(usage), ...(limit === undefined ? {} : { limit }) } }
}

function cpuDetails(folder: string): Pick<CgroupDetails, 'cpu'> {
  const stat = readIfThere(folder, 'cpu.stat')
  if (stat === undefined) return {}
  const ns = (key: string) => (keyedValue(stat, key) ?? 0) * 1000
  const throttledNs = ns('throttled_usec')
  const periods = keyedValue(stat, 'nr_periods') ?? 0
  const throttledPeriods = keyedValue(stat, 'nr_throttled') ?? 0
  return { cpu: { userNs: ns('user_usec'), systemNs: ns('system_usec'), periods, throttledPeriods, throttledNs } }
}

function memoryDetails(folder: string): Pick<CgroupDetails, 'memory'> {
  const stat = readIfThere(folder, 'memory.stat')
  if (stat === undefined) return {}
  // Linux 5.19 has the peak, 5.18 the sum of the kernel's memory.
  const peak = readIfThere(folder, 'memory.peak')
  const kernel = keyedValue(stat, 'kernel') ?? keyedValue(stat, 'kernel_stack')
  const limitHits = keyedValue(readIfThere(folder, 'memory.events'), 'max')
  return {
    memory: {
      ...(peak === undefined ? {} : { peak: Number(peak) }),
      cache: keyedValue(stat, 'file') ?? 0,
      mappedFile: keyedValue(stat, 'file_mapped') ?? 0,
      activeFile: keyedValue(stat, 'active_file') ?? 0,
      inactiveFile: keyedValue(stat, 'inactive_file') ?? 0,
      ...(kernel === undefined ? {} : { kernel }),
      ...(limitHits === undefined ? {} : { limitHits }),
    },
  }
}

/** A limit; undefined when there is none ("max") or the kernel has no such file. */
function limitIn(folder: string, file: string): number | undefined {
  const limit = Number(readIfThere(folder, file)?.trim())
  return Number.isFinite(limit) ? limit : undefined
}

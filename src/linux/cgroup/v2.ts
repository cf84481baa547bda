import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../lib/errors.ts'
import type { CgroupUsage, Cgroups } from './cgroups.ts'
import { keyedValue } from './keyed-file.ts'
import { killListed, killUntilEmpty, refuseOwn } from './kill-processes.ts'
import { cgroupFolder } from './path.ts'
import { pidsBelow, readIfThere, removeTrees } from './tree.ts'

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

  pids(path: string): number[] {
    return pidsBelow(cgroupFolder(this.#root, path))
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
      ...(pids === undefined ? {} : { pids: { current: Number(pids) } }),
    }
  }
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
  const limit = Number(readIfThere(folder, 'memory.max')?.trim())
  return {
    memory: {
      usage,
      workingSet: Math.max(0, usage - (keyedValue(stat, 'inactive_file') ?? 0)),
      rss: keyedValue(stat, 'anon') ?? 0,
      pageFaults: keyedValue(stat, 'pgfault') ?? 0,
      majorPageFaults: keyedValue(stat, 'pgmajfault') ?? 0,
      // "max" when there is none.
      ...(Number.isFinite(limit) ? { limit } : {}),
    },
  }
}

import type { Cgroups } from './cgroups.ts'
import type { CgroupLimits } from './limits.ts'
import type { CgroupDetails, CgroupUsage } from './usage.ts'

/** Cgroups in memory: a test sets which are there, with their processes. */
export class FakeCgroups implements Cgroups {
  readonly version = 2
  /** The processes by path; a path in here exists. */
  readonly processes = new Map<string, number[]>()
  readonly oomKillCounts = new Map<string, number>()
  readonly usages = new Map<string, CgroupUsage>()
  readonly detailed = new Map<string, CgroupDetails>()
  /** Every call that changes something, as `kill <path>` and `remove <path>`. */
  readonly calls: string[] = []

  exists(path: string): boolean {
    return this.#below(path).length > 0
  }

  children(path: string): string[] {
    const below = [...this.processes.keys()].filter((each) => each.startsWith(`${path}/`))
    return [...new Set(below.map((each) => each.slice(path.length + 1).split('/')[0] as string))]
  }

  pids(path: string): number[] {
    return this.#below(path).flatMap((each) => this.processes.get(each) ?? [])
  }

  processCount(path: string): number {
    return this.pids(path).length
  }

  async kill(path: string): Promise<void> {
    this.calls.push(`kill ${path}`)
    for (const each of this.#below(path)) this.processes.set(each, [])
  }

  async remove(path: string): Promise<void> {
    this.calls.push(`remove ${path}`)
    for (const each of this.#below(path)) this.processes.delete(each)
  }

  place(path: string, pid: number): void {
    this.calls.push(`place ${pid} ${path}`)
    for (const [other, pids] of this.processes) {
      this.processes.set(
        other,
        pids.filter((each) => each !== pid),
      )
    }
    this.processes.set(path, [...(this.processes.get(path) ?? []), pid])
  }

  oomKills(path: string): number {
    return this.oomKillCounts.get(path) ?? 0
  }

  usage(path: string): CgroupUsage {
    return this.usages.get(path) ?? {}
  }

  details(path: string): CgroupDetails {
    return this.detailed.get(path) ?? { devices: [], hugepages: [] }
  }

  async limit(path: string, limits: CgroupLimits): Promise<void> {
    this.calls.push(`limit ${path} ${JSON.stringify(limits)}`)
  }

  #below(path: string): string[] {
    return [...this.processes.keys()].filter((each) => each === path || each.startsWith(`${path}/`))
  }
}

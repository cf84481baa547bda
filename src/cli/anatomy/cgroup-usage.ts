import { join } from 'node:path'
import { readIfThere } from './read-if-there.ts'

/** The cgroup of a process, with what is counted and limited there. */
export interface CgroupUsage {
  readonly path: string
  readonly version: 1 | 2
  /** In bytes; undefined when nobody counts. */
  readonly memory?: number
  /** In bytes; undefined when there is none. */
  readonly memoryLimit?: number
  readonly processes?: number
  readonly cpuSeconds?: number
}

/** cgroups(7). The largest number that the kernel of version 1 shows stands for no limit. */
const noLimit = 2 ** 62

export function cgroupUsageOf(proc: string, cgroups: string, pid: number): CgroupUsage | undefined {
  const lines = readIfThere(join(proc, String(pid), 'cgroup'))
    .trim()
    .split('\n')
  const pathIn = (controller: string) => lines.find((line) => line.split(':')[1]?.split(',').includes(controller))
  const version = pathIn('memory') === undefined ? 2 : 1
  const path = (pathIn(version === 1 ? 'memory' : '') ?? '').split(':').slice(2).join(':')
  if (path === '') return undefined
  const number = (controller: string, file: string, pattern = /^(\d+)$/m) => {
    const folder = version === 1 ? join(cgroups, controller, path) : join(cgroups, path)
    const found = pattern.exec(readIfThere(join(folder, file)))?.[1]
    return found === undefined ? undefined : Number(found)
  }
  const memory = version === 1 ? number('memory', 'memory.usage_in_bytes') : number('', 'memory.current')
  const memoryLimit = version === 1 ? number('memory', 'memory.limit_in_bytes') : number('', 'memory.max')
  const processes = number('pids', 'pids.current')
  const cpuSeconds =
    version === 1
      ? scaled(number('cpuacct', 'cpuacct.usage'), 1e9)
      : scaled(number('', 'cpu.stat', /^usage_usec (\d+)$/m), 1e6)
  return {
    path,
    version,
    ...(memory !== undefined && { memory }),
    ...(memoryLimit !== undefined && memoryLimit < noLimit && { memoryLimit }),
    ...(processes !== undefined && { processes }),
    ...(cpuSeconds !== undefined && { cpuSeconds }),
  }
}

const scaled = (value: number | undefined, by: number) => (value === undefined ? undefined : value / by)

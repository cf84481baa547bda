import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where cpuacct is mounted on cgroup v1, as distributions name it. */
const v1Roots = ['/sys/fs/cgroup/cpuacct', '/sys/fs/cgroup/cpu,cpuacct']

/**
 * What all that has ever been in a cgroup and below has used, in CPU seconds. Exact, and untouched by whatever else runs on
 * the machine; without the kernel's own threads.
 *
 * @param cgroup below the root of the hierarchy: `/bench/containerd`
 * @throws {Error} when there is no such cgroup
 */
export function cgroupSeconds(cgroup: string): number {
  for (const root of v1Roots) {
    const file = join(root, cgroup, 'cpuacct.usage')
    if (existsSync(file)) return Number(readFileSync(file, 'utf8')) / 1e9
  }
  const stat = readFileSync(join('/sys/fs/cgroup', cgroup, 'cpu.stat'), 'utf8')
  return Number(/^usage_usec (\d+)/m.exec(stat)?.[1]) / 1e6
}

import { readFileSync } from 'node:fs'
import { containerOfCgroup, parentPath } from '../../linux/cgroup/names.ts'
import type { PodParts } from '../parts.ts'
import type { Disorder } from './disorder.ts'
import type { FirstSeen } from './first-seen.ts'
import { hasOwner } from './owners.ts'

/**
 * For so long a cgroup must have been empty, in milliseconds: another runtime that makes its cgroups below the same parent has
 * put its process into it by then.
 */
const emptyFor = 30_000

/**
 * Cgroups of containers without a record, below the parent that Berth uses when a pod names none. (Below those of the kubelet,
 * who cleans them up himself, they could be another runtime's.) One with processes is Berth's if they stand on its files.
 */
export function strayCgroups(parts: PodParts, seen: FirstSeen): Disorder[] {
  const { cgroupParent, cgroupDriver } = parts.settings
  const parent = parentPath(cgroupParent, cgroupDriver)
  return parts.cgroups.children(parent).flatMap((name): Disorder[] => {
    const id = containerOfCgroup(name)
    if (id === undefined || hasOwner(parts, id)) return []
    const path = `${parent}/${name}`
    const pids = parts.cgroups.pids(path)
    const finding = { kind: 'cgroup', subject: path } as const
    if (pids.length === 0) {
      if (seen.age(path) < emptyFor) return []
      const mend = () => parts.cgroups.remove(path)
      return [{ ...finding, problem: 'is empty and of no container on record', remedy: 'sweep', mend }]
    }
    const problem = `has ${pids.length} processes and is of no container on record`
    if (!pids.some((pid) => standsOn(pid, parts.layout.container(id).data))) {
      return [{ ...finding, problem: `${problem}; they may be another runtime's`, remedy: 'report' }]
    }
    return [{ ...finding, problem, remedy: 'sweep', mend: () => sweep(parts, id, path) }]
  })
}

async function sweep(parts: PodParts, id: string, path: string): Promise<void> {
  if (hasOwner(parts, id)) return
  await parts.cgroups.kill(path)
  await parts.cgroups.remove(path)
}

/** Whether a process has a file system mounted whose upper layer is in that folder. */
function standsOn(pid: number, data: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(`upperdir=${data}/`)
  } catch {
    return false
  }
}

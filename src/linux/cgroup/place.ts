import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errnoOf } from '../../lib/errors.ts'
import { cgroupFolder } from './path.ts'
import { readIfThere } from './tree.ts'

/** Makes a cgroup, with those above it, in the hierarchy at `root`; no error when it is there. Answers its folder. */
export function makeCgroup(root: string, path: string): string {
  const folder = cgroupFolder(root, path)
  let at = root
  for (const name of path.slice(1).split('/')) {
    at = join(at, name)
    makeFolder(at)
    inheritCpuset(at)
  }
  return folder
}

/** Moves a process with all its threads. */
export function placeIn(folder: string, pid: number): void {
  writeFileSync(join(folder, 'cgroup.procs'), String(pid), { flag: 'r+' })
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o755 })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

/**
 * On version 1 a new cgroup of the cpuset controller has no CPU and no memory node, and takes no process until it has both
 * (cpuset(7)). On version 2 that means all that the parent has.
 */
function inheritCpuset(folder: string): void {
  if (readIfThere(folder, 'cpuset.cpu_exclusive') === undefined) return
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readIfThere(folder, file)?.trim() !== '') continue
    writeFileSync(join(folder, file), readIfThere(dirname(folder), file) ?? '', { flag: 'r+' })
  }
}

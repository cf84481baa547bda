import { readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { errnoOf, failedPrecondition } from '../../lib/errors.ts'

/** A cgroup may vanish at any moment, with its files: ENOENT, or ENODEV for what is open or looked up already. */
const isGone = (error: unknown) => ['ENOENT', 'ENODEV'].includes(errnoOf(error) ?? '')

/** A file of a cgroup as text, or undefined when the cgroup or the file is not there. */
export function readIfThere(folder: string, file: string): string | undefined {
  try {
    return readFileSync(join(folder, file), 'utf8')
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** The names of the cgroups directly below; undefined when it is not there. */
function namesBelow(folder: string): string[] | undefined {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** The names of the cgroups directly below; none when it is not there. */
export function childrenOf(folder: string): string[] {
  return namesBelow(folder) ?? []
}

/** The cgroup and all below it as folders, the deepest first; empty when it is not there. */
export function foldersDeepestFirst(folder: string): string[] {
  const names = namesBelow(folder)
  return names ? [...names.flatMap((name) => foldersDeepestFirst(join(folder, name))), folder] : []
}

/** The processes of a cgroup and of all below it. */
export function pidsBelow(folder: string): number[] {
  return foldersDeepestFirst(folder).flatMap(pidsOf)
}

function pidsOf(folder: string): number[] {
  try {
    // 0 stands for a process of a PID namespace that cannot be seen from here.
    return (readIfThere(folder, 'cgroup.procs') ?? '').split('\n').map(Number).filter(Boolean)
  } catch (error) {
    // A threaded cgroup: its processes are listed by the one above (cgroup v2, "Threads").
    if (errnoOf(error) === 'EOPNOTSUPP') return []
    throw error
  }
}

const retryMs = 10

/** Removes cgroup folders with all below, waiting out EBUSY until `timeoutMs` have passed. */
export async function removeTrees(folders: readonly string[], timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const busy = folders.flatMap(foldersDeepestFirst).filter((folder) => !removeFolder(folder))
    if (busy.length === 0) return
    if (performance.now() > end) {
      const pids = [...new Set(folders.flatMap(pidsBelow))]
      throw failedPrecondition(
        `cannot remove cgroup ${busy[0]}: it is in use by ${pids.length === 0 ? 'the kernel' : `processes ${pids.join(', ')}`}`,
      )
    }
    await delay(retryMs)
  }
}

function removeFolder(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    if (isGone(error)) return true
    // ENOTEMPTY: somebody made a cgroup in it meanwhile.
    if (['EBUSY', 'ENOTEMPTY'].includes(errnoOf(error) ?? '')) return false
    throw error
  }
}

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ExternalFile } from '../../oci/criu.ts'

/** The pipes of a container's bundle that its processes have open. A process that ends meanwhile is passed over. */
export function externalPipes(bundle: string, pids: readonly number[]): ExternalFile[] {
  const pipes = new Set(['stdin', 'stdout', 'stderr'].flatMap((name) => fileAt(join(bundle, name)) ?? []))
  return pids.flatMap((pid) =>
    descriptors(pid).flatMap((fd) => {
      const path = `/proc/${pid}/fd/${fd}`
      const file = fileAt(path)
      if (file === undefined || !pipes.has(file)) return []
      const mountId = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1]
      return mountId === undefined ? [] : [{ mountId: Number(mountId), inode: statSync(path).ino }]
    }),
  )
}

/** Which pipe it is; undefined for anything else. */
function fileAt(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats?.isFIFO() ? `${stats.dev}:${stats.ino}` : undefined
}

function descriptors(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`)
  } catch {
    return []
  }
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { unmount } from '../../linux/mount.ts'
import { listMountPoints } from '../../linux/mount-facts.ts'
import type { PodParts } from '../parts.ts'
import type { Disorder } from './disorder.ts'
import { hasOwner } from './owners.ts'

/** Mounts in the place of a sandbox or a container that has no record, and no folder to be swept with. */
export function strayMounts(parts: PodParts): Disorder[] {
  const folders = parts.layout.podFolders
  return listMountPoints().flatMap((path): Disorder[] => {
    const folder = folders.find((each) => path.startsWith(`${each}/`))
    if (folder === undefined) return []
    const id = path.slice(folder.length + 1).split('/')[0] ?? ''
    if (hasOwner(parts, id) || existsSync(join(folder, id))) return []
    const problem = 'is mounted where no record knows of anything'
    return [{ kind: 'mount', subject: path, problem, remedy: 'sweep', mend: async () => void unmount(path) }]
  })
}

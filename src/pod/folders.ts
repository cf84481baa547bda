import { chmodSync, chownSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'
import { isId } from '../state/stored-fields.ts'
import type { Layout } from './layout.ts'

/**
 * Makes the folders that hold those of pods and containers. Nobody but root may list them: who does not know an id cannot ask
 * for what is below. They are passed through by the root of a pod's user namespace, as which the OCI runtime works there.
 */
export function makeFolders(layout: Layout): void {
  const folders = [
    { path: layout.root, mode: 0o711 },
    { path: layout.state, mode: 0o711 },
    ...layout.podFolders.map((path) => ({ path, mode: 0o711 })),
    { path: join(layout.root, 'containers'), mode: 0o700 },
    { path: layout.trash, mode: 0o700 },
  ]
  for (const { path, mode } of folders) {
    mkdirSync(path, { recursive: true, mode })
    // Whatever the umask is, and whatever an earlier version has made. A disk that is read-only stays as it is.
    const isOurs = path !== layout.root && path !== layout.state
    if (isOurs && (statSync(path).mode & 0o777) !== mode) chmodSync(path, mode)
  }
}

/** The names in a folder that are ids; none when there is no such folder. */
export function folderIds(folder: string): string[] {
  try {
    return readdirSync(folder).filter(isId)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** Lets the root of a user namespace through a folder that is root's alone otherwise. */
export function giveFolder(folder: string, hostId: number): void {
  chownSync(folder, 0, hostId)
  chmodSync(folder, 0o710)
}

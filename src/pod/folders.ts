import { chmodSync, chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Layout } from './layout.ts'

/**
 * Makes the folders that hold those of pods and containers. Nobody but root may list them: who does not know an id cannot ask
 * for what is below. They are passed through by the root of a pod's user namespace, as which the OCI runtime works there.
 */
export function makeFolders(layout: Layout): void {
  const folders = [
    { path: layout.root, mode: 0o711 },
    { path: layout.state, mode: 0o711 },
    { path: join(layout.state, 'sandboxes'), mode: 0o711 },
    { path: join(layout.state, 'containers'), mode: 0o711 },
    { path: join(layout.root, 'containers'), mode: 0o700 },
    { path: layout.trash, mode: 0o700 },
  ]
  for (const { path, mode } of folders) {
    mkdirSync(path, { recursive: true, mode })
    // Whatever the umask is, and whatever an earlier version has made.
    if (path !== layout.root && path !== layout.state) chmodSync(path, mode)
  }
}

/** Lets the root of a user namespace through a folder that is root's alone otherwise. */
export function giveFolder(folder: string, hostId: number): void {
  chownSync(folder, 0, hostId)
  chmodSync(folder, 0o710)
}

import { closeSync, readdirSync } from 'node:fs'
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../lib/errors.ts'
import { openPathInRoot } from '../../linux/open-in-root.ts'
import { hasXattr } from '../../linux/xattr.ts'

/** What a container has changed in its root file system; paths are relative to that. */
export interface RootfsDiff {
  /** Made or changed, folders before what is in them. */
  readonly changed: readonly string[]
  readonly deleted: readonly string[]
}

/**
 * Reads it off the writable layer (overlayfs.rst): a character device 0:0 stands for a deleted file, and an opaque folder hides
 * all that the layers below have in it.
 *
 * @param layers the folders of those layers; asked for when there is an opaque folder
 * @param mountPoints paths that are not the container's doing: what it has mounted there is no part of the layer
 */
export async function rootfsDiff(
  upper: string,
  layers: () => Promise<readonly string[]>,
  mountPoints: ReadonlySet<string>,
): Promise<RootfsDiff> {
  const changed: string[] = []
  const deleted: string[] = []
  const visit = async (folder: string) => {
    const present = new Set<string>()
    for await (const { name } of await opendir(join(upper, folder))) {
      present.add(name)
      const path = join(folder, name)
      const stats = await lstat(join(upper, path))
      if (stats.isCharacterDevice() && stats.rdev === 0) deleted.push(path)
      else if (!mountPoints.has(path)) {
        changed.push(path)
        if (stats.isDirectory()) await visit(path)
      }
    }
    if (!hasXattr(join(upper, folder), 'trusted.overlay.opaque')) return
    const hidden = new Set((await layers()).flatMap((layer) => namesIn(layer, folder)))
    for (const name of hidden) if (!present.has(name)) deleted.push(join(folder, name))
  }
  await visit('')
  return { changed, deleted }
}

/** A folder of a layer, found without following links out of the layer; empty when it has none there. */
function namesIn(layer: string, folder: string): string[] {
  let fd: number
  try {
    fd = openPathInRoot(layer, folder)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return []
    throw error
  }
  try {
    return readdirSync(`/proc/self/fd/${fd}`)
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return []
    throw error
  } finally {
    closeSync(fd)
  }
}

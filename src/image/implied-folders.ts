import { createHash } from 'node:crypto'
import { chmodSync, lchownSync, lstatSync, mkdirSync } from 'node:fs'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { setFileTimes } from '../linux/file-times.ts'
import { hasXattr } from '../linux/xattr.ts'
import { bytesOf, cPath, parentOf } from './unpack/layer-tree.ts'

/** A finished layer; paths are latin1, relative, '' for the root. */
export interface LayerOnDisk {
  readonly folder: string
  /** Folders that no entry of its tar named. */
  readonly implied: ReadonlySet<string>
}

/** A folder with the owner, mode and time that the image means it to have. */
export interface MeantFolder {
  readonly path: string
  readonly uid: number
  readonly gid: number
  readonly mode: number
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
}

/** So many folders are looked at in one go. */
const batch = 500

/**
 * A folder that a layer only implies (it has `a/b` and not `a`) is to look as lower layers have it, but on an overlay the
 * upper folder's owner and mode win. The layer itself stays as it is, other images may have it on other ones below. This
 * finds the folders that would look wrong, and their parents with them: what a layer of nothing but folders, laid on top
 * of the image, needs. Empty for most images. `layers` come lowest first.
 */
export async function findImpliedFolders(layers: readonly LayerOnDisk[]): Promise<MeantFolder[]> {
  const views = layers.map((layer) => new LayerView(layer)).reverse()
  const paths = new Set(layers.slice(1).flatMap(({ implied }) => [...implied]))
  const found = new Map<string, MeantFolder>()
  let count = 0
  for (const path of paths) {
    if (++count % batch === 0) await yieldToOthers()
    // Nearly always: only layers that imply it have it.
    if (!views.some((view) => !view.isImplied(path) && view.hasFolder(path))) continue
    const { shown, meant } = lookUp(views, path)
    if (!shown || !meant || isSame(shown, meant)) continue
    found.set(path, meant)
    for (let at = path; at !== ''; ) {
      at = parentOf(at)
      const parent = lookUp(views, at)
      const folder = parent.meant ?? parent.shown
      if (folder) found.set(at, folder)
    }
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** The name of a layer of such folders: the same ones have the same. */
export function nameOfFolders(folders: readonly MeantFolder[]): string {
  const lines = folders.map(({ path, uid, gid, mode, mtime }) => JSON.stringify([path, uid, gid, mode, String(mtime)]))
  return `folders:${createHash('sha256').update(lines.join('\n')).digest('hex')}`
}

/** Makes the folders below `target`, which does not exist yet. They come sorted, parents first. */
export function makeFolders(target: string, folders: readonly MeantFolder[]): void {
  const root = Buffer.from(target, 'utf8').toString('latin1')
  const pathOf = (path: string) => (path === '' ? root : `${root}/${path}`)
  if (folders[0]?.path !== '') mkdirSync(target, 0o755)
  for (const { path, uid, gid, mode } of folders) {
    const at = bytesOf(pathOf(path))
    mkdirSync(at)
    lchownSync(at, uid, gid)
    chmodSync(at, mode)
  }
  for (const { path, mtime } of folders.toReversed()) setFileTimes(cPath(pathOf(path)), mtime)
}

/** What the overlay of the layers (top first) shows at a path, and what it should: both undefined when it is no folder. */
function lookUp(views: readonly LayerView[], path: string): { shown?: MeantFolder; meant?: MeantFolder } {
  let shown: MeantFolder | undefined
  for (const view of views) {
    const { folder, hidesLower } = view.look(path)
    shown ??= folder
    if (folder && !view.isImplied(path)) return { shown: shown as MeantFolder, meant: folder }
    if (hidesLower) break
  }
  return shown ? { shown } : {}
}

/** The time alone is not worth a layer. */
function isSame(a: MeantFolder, b: MeantFolder): boolean {
  return a.uid === b.uid && a.gid === b.gid && a.mode === b.mode
}

interface Look {
  /** The folder that the layer has there; no symlink leads to it. */
  readonly folder?: MeantFolder
  /** The layer hides what lower ones have there: by a whiteout, an opaque folder, or another kind of file. */
  readonly hidesLower: boolean
}

class LayerView {
  readonly #root: string
  readonly #implied: ReadonlySet<string>
  readonly #looks = new Map<string, Look>()
  readonly #hasFolder = new Map<string, boolean>([['', true]])

  constructor({ folder, implied }: LayerOnDisk) {
    this.#root = Buffer.from(folder, 'utf8').toString('latin1')
    this.#implied = implied
  }

  isImplied(path: string): boolean {
    return this.#implied.has(path)
  }

  /** As `folder` of {@link look}, in a fraction of the time. */
  hasFolder(path: string): boolean {
    const known = this.#hasFolder.get(path)
    if (known !== undefined) return known
    const has =
      this.#implied.has(path) ||
      (this.hasFolder(parentOf(path)) &&
        lstatSync(bytesOf(`${this.#root}/${path}`), { throwIfNoEntry: false })?.isDirectory() === true)
    this.#hasFolder.set(path, has)
    return has
  }

  look(path: string): Look {
    const known = this.#looks.get(path)
    if (known) return known
    const look = this.#look(path)
    this.#looks.set(path, look)
    return look
  }

  #look(path: string): Look {
    const parent: Look | undefined = path === '' ? undefined : this.look(parentOf(path))
    // Without the parent there is nothing; whether that hides something, the parent says.
    if (parent && !parent.folder) return { hidesLower: parent.hidesLower }
    const at = path === '' ? this.#root : `${this.#root}/${path}`
    const stats = lstatSync(bytesOf(at), { bigint: true, throwIfNoEntry: false })
    const hidden = parent?.hidesLower ?? false
    if (!stats) return { hidesLower: hidden }
    if (!stats.isDirectory()) return { hidesLower: true }
    const { uid, gid, mode, mtimeNs } = stats
    const folder = { path, uid: Number(uid), gid: Number(gid), mode: Number(mode) & 0o7777, mtime: mtimeNs }
    return { folder, hidesLower: hidden || hasXattr(cPath(at), 'trusted.overlay.opaque') }
  }
}

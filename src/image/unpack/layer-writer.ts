import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { errnoOf } from '../../lib/errors.ts'
import { makeDevice, makePipeNode } from '../../linux/device.ts'
import { setFileTimes, setOpenFileTimes } from '../../linux/file-times.ts'
import { beginWriting } from '../../linux/sync-filesystem.ts'
import { setXattr } from '../../linux/xattr.ts'
import { aufsPrefix, layerComponents, opaqueWhiteout, whiteoutPrefix } from './layer-path.ts'
import { bytesOf, cPath, isMissing, isWhiteout, LayerTree } from './layer-tree.ts'
import { printableName, type TarEntry, type TarSink } from './tar-reader.ts'

export interface LayerLimits {
  /** Bytes of all files together. */
  readonly maxBytes: number
  readonly maxEntries: number
}

/** What a layer takes of its disk, about: files in blocks of 4 KiB, and a block for each folder. */
export interface LayerUsage {
  readonly bytes: number
  readonly inodes: number
}

/** A file of so many bytes goes to the disk while the next ones are written, so that the sync at the end takes less long. */
const worthWritingEarly = 256 * 1024

/**
 * Writes the entries of a layer's tar below one folder, in the form that overlayfs takes as a lower folder: whiteouts are
 * character devices 0:0, opaque folders carry `trusted.overlay.opaque` (overlayfs.rst; OCI image-spec layer.md).
 * Synchronous; made to run in a worker thread. Throws on the first thing that is wrong; the folder is then of no use.
 */
export class LayerWriter implements TarSink {
  readonly #tree: LayerTree
  readonly #limits: LayerLimits
  /** Times of folders, set at the end: what is made in a folder changes them. */
  readonly #folderTimes = new Map<string, bigint>()
  #file: { readonly fd: number; readonly path: string; readonly entry: TarEntry } | undefined
  #entries = 0
  #fileBytes = 0
  #bytes = 4096
  #inodes = 1

  constructor(root: string, limits: LayerLimits) {
    this.#tree = new LayerTree(root)
    this.#limits = limits
  }

  entry(entry: TarEntry): void {
    if (++this.#entries > this.#limits.maxEntries) {
      throw new Error(`the layer has more than ${this.#limits.maxEntries} entries, which the configuration forbids`)
    }
    if (entry.kind === 'other') return
    const components = layerComponents(entry.name)
    const base = components.pop()
    if (base === undefined) {
      if (entry.kind !== 'directory') throw new Error('an entry that is no folder stands for the root of the layer')
      this.#folder('', entry)
      return
    }
    if (components.some((component) => component.startsWith(aufsPrefix))) return
    const parent = this.#tree.resolveFolder(components)
    if (base.startsWith(whiteoutPrefix)) this.#whiteout(parent, base)
    else this.#make(parent === '' ? base : `${parent}/${base}`, entry)
  }

  data(chunk: Buffer, position: number): void {
    if (!this.#file) return
    this.#fileBytes += chunk.length
    if (this.#fileBytes > this.#limits.maxBytes) {
      throw new Error(`the layer unpacks to more than ${this.#limits.maxBytes} bytes, which the configuration forbids`)
    }
    for (let at = 0; at < chunk.length; ) {
      at += writeSync(this.#file.fd, chunk, at, chunk.length - at, position + at)
    }
  }

  end(): void {
    const file = this.#file
    if (!file) return
    this.#file = undefined
    try {
      if (file.entry.sparse) {
        ftruncateSync(file.fd, file.entry.size)
        this.#bytes += fstatSync(file.fd).blocks * 512
      }
      fchownSync(file.fd, file.entry.uid, file.entry.gid)
      // After chown, which takes setuid, setgid and capabilities away.
      fchmodSync(file.fd, file.entry.mode)
      this.#attributes(file.path, file.entry)
      setOpenFileTimes(file.fd, file.entry.mtime)
      if (file.entry.size >= worthWritingEarly) beginWriting(file.fd)
    } finally {
      closeSync(file.fd)
    }
  }

  /** The path of the file that data is being written to, relative, one character a byte. */
  get storing(): string | undefined {
    return this.#file?.path
  }

  /** All entries have come: sets what could only be set now. */
  finish(): { readonly usage: LayerUsage; readonly impliedFolders: readonly string[] } {
    for (const [path, mtime] of this.#folderTimes) if (this.#tree.isRealFolder(path)) this.#times(path, mtime)
    return { usage: { bytes: this.#bytes, inodes: this.#inodes }, impliedFolders: this.#tree.implied() }
  }

  /** Closes what is open; safe to call at any time. */
  close(): void {
    if (this.#file) closeSync(this.#file.fd)
    this.#file = undefined
  }

  #make(path: string, entry: TarEntry): void {
    const osPath = this.#tree.osPath(path)
    if (entry.kind === 'directory') return this.#folder(path, entry)
    if (entry.kind === 'file') {
      // The common case first: nothing is there. An existing file is never written to, it may be linked or a device.
      const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW
      const fd = this.#replacing(path, () => openSync(bytesOf(osPath), flags, 0o600))
      this.#file = { fd, path, entry }
      this.#count(entry.sparse ? 0 : Math.ceil(entry.size / 4096) * 4096)
      return
    }
    if (entry.kind === 'hardlink') return this.#hardlink(path, entry)
    this.#count(0)
    if (entry.kind === 'symlink') {
      this.#replacing(path, () => symlinkSync(bytesOf(entry.linkname), bytesOf(osPath)))
    } else if (entry.kind === 'fifo') {
      this.#replacing(path, () => makePipeNode(cPath(osPath), 0o600))
    } else {
      const kind = entry.kind === 'block' ? 'block' : 'char'
      this.#replacing(path, () => makeDevice(cPath(osPath), kind, entry.devmajor, entry.devminor, 0o600))
    }
    lchownSync(bytesOf(osPath), entry.uid, entry.gid)
    if (entry.kind !== 'symlink') chmodSync(bytesOf(osPath), entry.mode)
    this.#attributes(path, entry)
    this.#times(path, entry.mtime)
  }

  /** Makes something at `path`; when something is there already, the later entry wins. */
  #replacing<T>(path: string, make: () => T): T {
    try {
      return make()
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error
    }
    const stats = this.#tree.lstat(path)
    if (stats) this.#tree.remove(path, stats)
    this.#folderTimes.delete(path)
    return make()
  }

  #folder(path: string, entry: TarEntry): void {
    const stats = this.#tree.lstat(path)
    if (!stats?.isDirectory()) {
      if (stats) this.#tree.remove(path, stats)
      this.#tree.makeFolder(path, false)
      if (stats && isWhiteout(stats)) this.#tree.makeOpaque(path)
      this.#count(4096)
    }
    this.#tree.named(path)
    const osPath = bytesOf(this.#tree.osPath(path))
    lchownSync(osPath, entry.uid, entry.gid)
    chmodSync(osPath, entry.mode)
    this.#attributes(path, entry)
    this.#folderTimes.set(path, entry.mtime)
  }

  #hardlink(path: string, entry: TarEntry): void {
    const components = layerComponents(entry.linkname)
    const base = components.pop()
    if (base === undefined)
      throw new Error(`the hard link "${printableName(entry.name)}" leads to the root of the layer`)
    const folder = this.#tree.resolveFolder(components)
    const target = folder === '' ? base : `${folder}/${base}`
    if (target === path) return
    try {
      // link(2) does not follow a symlink at the end, and the folder before it is real.
      this.#replacing(path, () => linkSync(bytesOf(this.#tree.osPath(target)), bytesOf(this.#tree.osPath(path))))
    } catch (error) {
      if (!isMissing(error)) throw error
      const names = `"${printableName(entry.name)}" leads to "${printableName(entry.linkname)}"`
      throw new Error(`the hard link ${names}, which the layer does not have`, { cause: error })
    }
  }

  #whiteout(parent: string, base: string): void {
    if (base === opaqueWhiteout) return this.#tree.makeOpaque(parent)
    if (base.startsWith(aufsPrefix)) return
    const hidden = base.slice(whiteoutPrefix.length)
    if (hidden === '' || hidden === '.' || hidden === '..') {
      throw new Error(`"${printableName(base)}" is not the name of a whiteout`)
    }
    const path = parent === '' ? hidden : `${parent}/${hidden}`
    const stats = this.#tree.lstat(path)
    // A whiteout hides what lower layers have, never what this layer has.
    if (stats?.isDirectory()) this.#tree.makeOpaque(path)
    if (stats) return
    makeDevice(cPath(this.#tree.osPath(path)), 'char', 0, 0, 0)
    this.#count(0)
  }

  #attributes(path: string, entry: TarEntry): void {
    for (const { name, value } of entry.xattrs) {
      // Overlayfs' own attributes would redirect it to other files.
      if (name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')) continue
      try {
        setXattr(cPath(this.#tree.osPath(path)), name, value)
      } catch (error) {
        const code = errnoOf(error)
        // A disk without attributes; and `user.` ones, which symlinks and devices cannot have (xattr(7)).
        if (code === 'ENOTSUP' || code === 'EOPNOTSUPP' || (code === 'EPERM' && name.startsWith('user.'))) continue
        throw new Error(`cannot set the attribute "${printableName(name)}" of "${printableName(path)}"`, {
          cause: error,
        })
      }
    }
  }

  #times(path: string, mtime: bigint): void {
    setFileTimes(cPath(this.#tree.osPath(path)), mtime)
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#inodes++
  }
}

import { lstatSync, mkdirSync, readlinkSync, rmSync, type Stats, unlinkSync, chmodSync } from 'node:fs'
import { errnoOf } from '../../lib/errors.ts'
import { setXattr } from '../../linux/xattr.ts'
import { printableName } from './tar-reader.ts'

/** As the kernel limits it (path_resolution(7)). */
const maxSymlinks = 40

/**
 * The folder that a layer is unpacked to, and nothing outside of it: every parent is looked up component by component, and
 * a symlink on the way is followed as if the folder were the root of the filesystem (openat2(2), RESOLVE_IN_ROOT). Nobody
 * else writes to the folder, so what was looked up stays true until this class changes it.
 *
 * Paths are latin1 strings, relative to the root and without a leading slash; '' is the root.
 */
export class LayerTree {
  readonly #root: string
  /** Real folders: no symlink in the path, and the last component is a folder. */
  readonly #folders = new Set<string>([''])
  readonly #resolved = new Map<string, string>()
  /** Folders that no entry named: their owner and mode are a guess. */
  readonly #implied = new Set<string>()

  /** `root` is an absolute path of an empty folder. */
  constructor(root: string) {
    this.#root = Buffer.from(root, 'utf8').toString('latin1')
  }

  /** The absolute path, still latin1: to be handed on through {@link bytesOf} or {@link cPath}. */
  osPath(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`
  }

  /** The folder that the components lead to, made when missing; a real path. Throws when a file is in the way. */
  resolveFolder(components: readonly string[]): string {
    const key = components.join('/')
    const known = this.#resolved.get(key)
    if (known !== undefined) return known
    let at = ''
    let symlinks = 0
    const queue = components.toReversed()
    for (let component = queue.pop(); component !== undefined; component = queue.pop()) {
      if (component === '' || component === '.') continue
      if (component === '..') {
        at = parentOf(at)
        continue
      }
      const next = at === '' ? component : `${at}/${component}`
      const target = this.#folders.has(next) ? undefined : this.#step(next)
      if (target === undefined) {
        at = next
        continue
      }
      if (++symlinks > maxSymlinks) throw new Error(`"${printableName(key)}" leads through too many symlinks`)
      if (target.startsWith('/')) at = ''
      queue.push(...target.split('/').toReversed())
    }
    this.#resolved.set(key, at)
    return at
  }

  /** Makes `path` a known folder, or answers the target when it is a symlink. */
  #step(path: string): string | undefined {
    const stats = this.lstat(path)
    if (stats?.isSymbolicLink())
      return readlinkSync(bytesOf(this.osPath(path)), { encoding: 'buffer' }).toString('latin1')
    if (stats === undefined) this.makeFolder(path, true)
    else if (isWhiteout(stats)) {
      // Hidden by this layer and then made anew: what lower layers have there must not show through.
      this.remove(path, stats)
      this.makeFolder(path, true)
      this.makeOpaque(path)
    } else if (!stats.isDirectory()) throw new Error(`"${printableName(path)}" is used as a folder, but is none`)
    this.#folders.add(path)
    return undefined
  }

  /** The entry at a path whose parent is real. */
  lstat(path: string): Stats | undefined {
    return lstatSync(bytesOf(this.osPath(path)), { throwIfNoEntry: false })
  }

  /** Makes a folder with mode 0755; the parent is real and nothing is there. */
  makeFolder(path: string, implied: boolean): void {
    const bytes = bytesOf(this.osPath(path))
    mkdirSync(bytes)
    chmodSync(bytes, 0o755)
    this.#folders.add(path)
    if (implied) this.#implied.add(path)
  }

  /** An entry of the layer has named the folder. */
  named(path: string): void {
    this.#implied.delete(path)
  }

  /** Takes away what is at a path whose parent is real, also a whole folder. */
  remove(path: string, stats: Stats): void {
    const bytes = bytesOf(this.osPath(path))
    if (!stats.isDirectory()) {
      unlinkSync(bytes)
      if (stats.isSymbolicLink()) this.#resolved.clear()
      return
    }
    rmSync(bytes, { recursive: true })
    this.#resolved.clear()
    this.#folders.clear()
    this.#folders.add('')
  }

  /** Whether the path is a folder and none of its parents is a symlink. */
  isRealFolder(path: string): boolean {
    if (this.#folders.has(path)) return true
    if (!this.isRealFolder(parentOf(path)) || !this.lstat(path)?.isDirectory()) return false
    this.#folders.add(path)
    return true
  }

  /** Hides what lower layers have in the folder (overlayfs.rst, "whiteouts and opaque directories"). */
  makeOpaque(path: string): void {
    setXattr(cPath(this.osPath(path)), 'trusted.overlay.opaque', Buffer.from('y'))
  }

  /** The folders that no entry named, sorted. */
  implied(): string[] {
    return [...this.#implied].filter((path) => this.isRealFolder(path)).sort()
  }
}

/** Overlayfs' form of a whiteout. */
export function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0))
}

/** A latin1 path for `node:fs`: as text when it is ASCII, else as its bytes. */
export function bytesOf(path: string): string | Buffer {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is meant
  return /^[\x00-\x7f]*$/.test(path) ? path : Buffer.from(path, 'latin1')
}

/** A latin1 path for `linux/`: as text when it is ASCII, else as its bytes with a NUL. */
export function cPath(path: string): string | Buffer {
  const bytes = bytesOf(path)
  return typeof bytes === 'string' ? bytes : Buffer.from(`${path}\0`, 'latin1')
}

/** ENOENT and ENOTDIR: the file is not there. */
export function isMissing(error: unknown): boolean {
  const code = errnoOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

import { check, libc } from './libc.ts'

/** Flags of mount(2), from `<linux/mount.h>`. */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  BIND: 4096,
  REC: 16384,
  PRIVATE: 1 << 18,
  SHARED: 1 << 20,
} as const

const MNT_DETACH = 2
const UMOUNT_NOFOLLOW = 8

/** mount(2). Throws its errno error with the target as `path`. */
export function mount(source: string, target: string, type: string | null, flags: number, data: string | null): void {
  check(libc.mount(source, target, type, flags, data), 'mount', target)
}

/** Makes `target`, which must exist, show what `source` shows. */
export function bindMount(source: string, target: string): void {
  mount(source, target, null, MS.BIND, null)
}

/** The same, read-only: what deletes through `target` by mistake deletes nothing. */
export function bindMountReadOnly(source: string, target: string): void {
  bindMount(source, target)
  mount('', target, null, MS.BIND | MS.REMOUNT | MS.RDONLY, null)
}

/** A tmpfs of at most `sizeBytes`. */
export function mountTmpfs(
  target: string,
  sizeBytes: number,
  mode = '1777',
  flags = MS.NOSUID | MS.NODEV | MS.NOEXEC,
): void {
  mount('tmpfs', target, 'tmpfs', flags, `mode=${mode},size=${sizeBytes}`)
}

/**
 * Takes the topmost mount off `target`, at once even while it is in use (MNT_DETACH), never through a symlink. Answers
 * false when nothing is mounted there or it does not exist, so that taking off twice is no error.
 */
export function unmount(target: string): boolean {
  try {
    unmountTree(target)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EINVAL' || error.code === 'ENOENT')) return false
    throw error
  }
}

/** Takes off the topmost mount at `target` with all that is mounted below it, never through a symlink. Throws the errno error. */
export function unmountTree(target: string): void {
  check(libc.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW), 'umount2', target)
}

export interface OverlayRequest {
  /** The layer folders, lowest first; at least one. */
  readonly lower: readonly string[]
  /** Both absent for a read-only mount. */
  readonly upper?: string
  readonly work?: string
  readonly target: string
  /** The SELinux label of all files in it; only where SELinux is on. */
  readonly label?: string
  /** The folder that relative `lower` paths start from. */
  readonly base?: string
}

/** mount(2) takes at most one page of options. */
const maxOptions = 4095

/**
 * Mounts an overlay of the layers at `target`. When the option string would be longer than a page (deep images), the paths
 * are given relative to `base`, to which the process changes for the moment of the call.
 */
export function mountOverlay(request: OverlayRequest): void {
  const options = (prefix: string) => {
    const lower = request.lower.map((path) => escapeOverlayPath(stripPrefix(path, prefix))).toReversed()
    const parts = [`lowerdir=${lower.join(':')}`]
    if (request.upper !== undefined && request.work !== undefined) {
      parts.push(`upperdir=${escapeOverlayPath(request.upper)}`, `workdir=${escapeOverlayPath(request.work)}`)
    }
    if (request.label !== undefined) parts.push(`context="${request.label}"`)
    return parts.join(',')
  }
  const absolute = options('')
  if (Buffer.byteLength(absolute) <= maxOptions || request.base === undefined) {
    mount('overlay', request.target, 'overlay', 0, absolute)
    return
  }
  const before = process.cwd()
  process.chdir(request.base)
  try {
    mount('overlay', request.target, 'overlay', 0, options(`${request.base}/`))
  } finally {
    process.chdir(before)
  }
}

function stripPrefix(path: string, prefix: string): string {
  return prefix !== '' && path.startsWith(prefix) ? path.slice(prefix.length) : path
}

/** Overlay splits its options at `,` and `:`; a backslash takes their meaning away. */
function escapeOverlayPath(path: string): string {
  return path.replace(/[\\:,]/g, (character) => `\\${character}`)
}

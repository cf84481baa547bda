import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { errnoOf } from '../lib/errors.ts'
import { addressOf, check, libc } from './libc.ts'

/** openat2(2); the number is the same on x86-64 and arm64. */
const SYS_openat2 = 437
const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000
const RESOLVE_NO_MAGICLINKS = 0x02
const RESOLVE_IN_ROOT = 0x10
/** openat2 answers EAGAIN when a rename somewhere raced with a `..`; it succeeds soon after. */
const attempts = 32

/**
 * A descriptor (O_PATH: for fstat and /proc/self/fd only) of a file in a foreign root file system. Links, also absolute
 * ones and `..`, are followed as if `root` were `/`: nothing outside can be reached, whatever the image made.
 * Throws the errno error of openat2.
 */
export function openPathInRoot(root: string, path: string | Buffer): number {
  const rootFd = openSync(root, O_PATH | constants.O_DIRECTORY)
  try {
    return openat2(rootFd, path)
  } finally {
    closeSync(rootFd)
  }
}

/**
 * A regular file in a foreign root file system, open for reading, found as by {@link openPathInRoot}; `path` may be bytes. A
 * pipe or a device is never opened, only looked at. Throws the errno error of openat2, and EINVAL for what is no file.
 */
export function openFileInRoot(root: string, path: string | Buffer): number {
  const pathFd = openPathInRoot(root, path)
  try {
    if (!fstatSync(pathFd).isFile()) throw fileError('EINVAL', 'not a regular file', String(path))
    return openSync(`/proc/self/fd/${pathFd}`, constants.O_RDONLY | constants.O_NONBLOCK)
  } finally {
    closeSync(pathFd)
  }
}

/**
 * The contents of such a file; undefined when there is none.
 *
 * @param maxBytes more than this is an EFBIG error
 */
export function readFileInRoot(root: string, path: string, maxBytes: number): Buffer | undefined {
  let fd: number
  try {
    fd = openFileInRoot(root, path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw error
  }
  try {
    return readAtMost(fd, maxBytes, path)
  } finally {
    closeSync(fd)
  }
}

function openat2(rootFd: number, path: string | Buffer): number {
  const name = Buffer.concat([Buffer.from(path), Buffer.alloc(1)])
  // struct open_how: flags, mode, resolve.
  const how = Buffer.alloc(24)
  how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC), 0)
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16)
  for (let attempt = 1; ; attempt++) {
    try {
      return check(
        libc.syscall(SYS_openat2, rootFd, addressOf(name), addressOf(how), how.length, 0),
        'openat2',
        String(path),
      )
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN' || attempt === attempts) throw error
    }
  }
}

/** The size that fstat tells is not trusted: the file may grow, and some file systems tell 0. */
function readAtMost(fd: number, maxBytes: number, path: string): Buffer {
  const buffer = Buffer.allocUnsafe(maxBytes + 1)
  let length = 0
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, null)
    if (count === 0) return Buffer.from(buffer.subarray(0, length))
    length += count
  }
  throw fileError('EFBIG', `larger than ${maxBytes} bytes`, path)
}

function fileError(code: string, what: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${what} '${path}'`), { code, path })
}

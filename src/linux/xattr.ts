import { check, libc } from './libc.ts'

/** A path as text, or as bytes that end with a NUL. */
type Path = string | Uint8Array

/** Sets an extended attribute of a file, or of the symlink itself (lsetxattr(2)). */
export function setXattr(path: Path, name: string, value: Uint8Array): void {
  check(libc.lsetxattr(path, name, value, value.length, 0), 'lsetxattr', String(path))
}

/** The value of an extended attribute, or undefined when it is not set (lgetxattr(2)). */
export function getXattr(path: Path, name: string): Buffer | undefined {
  const value = Buffer.alloc(65536)
  try {
    return value.subarray(0, check(libc.lgetxattr(path, name, value, value.length), 'lgetxattr', String(path)))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENODATA') return undefined
    throw error
  }
}

/** Whether a file has an extended attribute; also false where the filesystem has none. */
export function hasXattr(path: Path, name: string): boolean {
  return Number(libc.lgetxattr(path, name, null, 0)) >= 0
}

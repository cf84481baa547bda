import { constants } from 'node:fs'
import { check, libc } from './libc.ts'

/** A path as text, or as bytes that end with a NUL. */
type Path = string | Uint8Array

/** Makes a device node (mknod(2)); needs CAP_MKNOD, but for the character device 0:0, overlayfs' whiteout. */
export function makeDevice(path: Path, kind: 'char' | 'block', major: number, minor: number, mode: number): void {
  const type = kind === 'char' ? constants.S_IFCHR : constants.S_IFBLK
  check(libc.mknod(path, type | mode, deviceNumber(major, minor)), 'mknod', String(path))
}

/** Makes a named pipe whose path may be bytes. */
export function makePipeNode(path: Path, mode: number): void {
  check(libc.mknod(path, constants.S_IFIFO | mode, 0n), 'mknod', String(path))
}

/** glibc's `makedev`: 32 bits of each, interleaved. */
export function deviceNumber(major: number, minor: number): bigint {
  const a = BigInt(major)
  const b = BigInt(minor)
  return ((a & 0xffff_f000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffff_ff00n) << 12n) | (b & 0xffn)
}

import { check, libc } from './libc.ts'

const AT_FDCWD = -100
const AT_SYMLINK_NOFOLLOW = 0x100

/**
 * Sets access and modification time of a file, folder or symlink (never of what it points to) to the nanosecond;
 * Node's own calls take seconds as a double, which loses a few hundred. `path` is text or bytes that end with a NUL.
 */
export function setFileTimes(path: string | Uint8Array, nanoseconds: bigint): void {
  check(libc.utimensat(AT_FDCWD, path, timesOf(nanoseconds), AT_SYMLINK_NOFOLLOW), 'utimensat', String(path))
}

/** As {@link setFileTimes}, of an open file. */
export function setOpenFileTimes(fd: number, nanoseconds: bigint): void {
  check(libc.futimens(fd, timesOf(nanoseconds)), 'futimens')
}

/** Two `struct timespec` of the same time. */
function timesOf(nanoseconds: bigint): Buffer {
  let seconds = nanoseconds / 1_000_000_000n
  let rest = nanoseconds % 1_000_000_000n
  if (rest < 0n) {
    seconds -= 1n
    rest += 1_000_000_000n
  }
  const times = Buffer.alloc(32)
  for (const at of [0, 16]) {
    times.writeBigInt64LE(BigInt.asIntN(64, seconds), at)
    times.writeBigInt64LE(rest, at + 8)
  }
  return times
}

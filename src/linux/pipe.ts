import { constants } from 'node:fs'
import { check, libc } from './libc.ts'

const F_GETFL = 3
const F_SETFL = 4
const F_DUPFD_CLOEXEC = 1030
/** Not among Node's constants; the same on x86-64 and arm64. */
const O_CLOEXEC = 0o2000000

/** A new pipe; both ends are closed on exec, the reading end does not block unless asked to. */
export function createPipe({ nonBlocking = true } = {}): { readonly read: number; readonly write: number } {
  const fds = Buffer.alloc(8)
  check(libc.pipe2(fds, O_CLOEXEC), 'pipe2')
  const read = fds.readInt32LE(0)
  if (nonBlocking) setNonBlocking(read)
  return { read, write: fds.readInt32LE(4) }
}

/** Makes reads and writes of `fd` answer EAGAIN instead of waiting. */
export function setNonBlocking(fd: number): void {
  const flags = check(libc.fcntl(fd, F_GETFL, 0), 'fcntl')
  check(libc.fcntl(fd, F_SETFL, flags | constants.O_NONBLOCK), 'fcntl')
}

/** Another descriptor for the same open file, closed on exec. */
export function duplicate(fd: number): number {
  return check(libc.fcntl(fd, F_DUPFD_CLOEXEC, 0), 'fcntl')
}

const F_GETPIPE_SZ = 1032

/** How many bytes a pipe holds at most; undefined for what is no pipe. */
export function pipeCapacity(fd: number): number | undefined {
  const bytes: number = libc.fcntl(fd, F_GETPIPE_SZ, 0)
  return bytes === -1 ? undefined : bytes
}

const F_SETPIPE_SZ = 1031

/**
 * Makes a pipe take so many bytes without anybody reading; false when it may not, or has more in it: root has it up to
 * /proc/sys/fs/pipe-max-size, mostly 1 MiB (pipe(7)).
 */
export function setPipeCapacity(fd: number, bytes: number): boolean {
  return libc.fcntl(fd, F_SETPIPE_SZ, bytes) >= bytes
}

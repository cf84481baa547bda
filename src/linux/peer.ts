import { check, libc } from './libc.ts'

const SOL_SOCKET = 1
/** The same on x86-64 and arm64. */
const SO_PEERCRED = 17

/** The pid of the process that listens at the other end of a connected unix socket (unix(7)). */
export function peerPid(fd: number): number {
  const credentials = Buffer.alloc(12)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(credentials.length)
  check(libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length), 'getsockopt')
  return credentials.readInt32LE(0)
}

import { check, libc } from './libc.ts'

const AF_UNIX = 1
/** A stream of bytes, or whole messages. */
const types = { stream: 1, seqpacket: 5 }
const SOCK_CLOEXEC = 0o2000000

/** Two unix sockets, connected with each other; both are closed on exec. */
export function createSocketPair(type: keyof typeof types = 'stream'): readonly [number, number] {
  const fds = Buffer.alloc(8)
  check(libc.socketpair(AF_UNIX, types[type] | SOCK_CLOEXEC, 0, fds), 'socketpair')
  return [fds.readInt32LE(0), fds.readInt32LE(4)]
}

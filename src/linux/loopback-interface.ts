import { closeSync } from 'node:fs'
import { check, libc } from './libc.ts'

const AF_INET = 2
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
/** Of `<linux/sockios.h>`. */
const SIOCSIFFLAGS = 0x8914
const IFF_UP = 1
/** The size of `struct ifreq`, whose name is at 0 and whose flags are at 16 (netdevice(7)). */
const ifreqSize = 40

/** Brings up `lo` in the network namespace that the calling thread is in; its addresses come with that. */
export function bringUpLoopback(): void {
  const request = Buffer.alloc(ifreqSize)
  request.write('lo', 0)
  request.writeInt16LE(IFF_UP, 16)
  const socket = check(libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket')
  try {
    check(libc.ioctl(socket, SIOCSIFFLAGS, request), 'SIOCSIFFLAGS', 'lo')
  } finally {
    closeSync(socket)
  }
}

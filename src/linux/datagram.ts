import { closeSync } from 'node:fs'
import { check, libc } from './libc.ts'
import { AF_UNIX, unixAddress } from './unix-address.ts'

const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000

/** Sends one datagram to a unix socket; does not wait for a receiver that is behind. Node has no unix datagrams. */
export function sendDatagram(path: string, text: string): void {
  const socket = check(libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket')
  try {
    const message = Buffer.from(text)
    const address = unixAddress(path)
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL
    check(libc.sendto(socket, message, message.length, flags, address, address.length), 'sendto', path)
  } finally {
    closeSync(socket)
  }
}

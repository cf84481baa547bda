import { Socket } from 'node:net'
import { check, libc } from './libc.ts'
import { insideNetworkNamespace } from './namespaces.ts'

const AF_INET = 2
const AF_INET6 = 10
const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000

/** The loopback addresses, in the order in which they are tried. */
export const loopbacks = [
  { family: 'tcp4', address: '127.0.0.1' },
  { family: 'tcp6', address: '::1' },
] as const

export type Loopback = (typeof loopbacks)[number]

/**
 * Connects to a port on a loopback address of the network namespace at `netns`, or of the host without one. A socket belongs
 * for good to the namespace that it was made in, so only its making happens there. Rejects with the errno error of socket(2)
 * or connect(2). Both directions end on their own (half-close).
 */
export function connectToLoopback(
  netns: string | undefined,
  { family, address }: Loopback,
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
  const open = () => check(libc.socket(family === 'tcp4' ? AF_INET : AF_INET6, type, 0), 'socket')
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const fd = netns === undefined ? open() : insideNetworkNamespace(netns, open)
  // `manualStart`: reading begins with the connection; a socket that has none yet would answer ENOTCONN.
  const socket = new Socket({ fd, allowHalfOpen: true, manualStart: true } as object)
  const onAbort = () => socket.destroy(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  socket.once('error', reject)
  socket.connect({ host: address, port }, () => {
    socket.off('error', reject)
    resolve(socket)
  })
  return promise.finally(() => signal.removeEventListener('abort', onAbort))
}

import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'

/** The reading end of a pipe as a stream, which takes over `fd` and reads only as fast as it is read from. */
export function pipeReader(fd: number): Readable {
  return quiet(new Socket({ fd, readable: true, writable: false }))
}

/** The writing end of a pipe as a stream, which takes over `fd`; what a full pipe does not take waits without blocking. */
export function pipeWriter(fd: number): Writable {
  return quiet(new Socket({ fd, readable: false, writable: true }))
}

/** EPIPE may come when nobody listens any more; it must not end the process. */
function quiet(socket: Socket): Socket {
  return socket.on('error', () => {})
}

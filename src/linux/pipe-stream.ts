import { closeSync } from 'node:fs'
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

/**
 * Reads a pipe to its end straight into memory of the caller, who gives a buffer for each piece (asked for one ahead of the
 * piece that is being read) and then hears how much of it was filled. Takes over `fd`. Rejects with what the callbacks
 * throw, and with errors of the pipe.
 */
export async function readPipeInto(
  fd: number,
  target: { readonly buffer: (ahead: 0 | 1) => Promise<Buffer>; readonly filled: (bytes: number) => void },
): Promise<void> {
  const ended = Promise.withResolvers<void>()
  let current: Buffer
  let following: Buffer
  try {
    current = await target.buffer(0)
    following = await target.buffer(1)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  const onread = {
    // Asked for right after the callback, with no time to wait.
    buffer: () => current,
    callback(bytes: number): boolean {
      target.filled(bytes)
      current = following
      target.buffer(1).then(
        (buffer) => {
          following = buffer
          socket.resume()
        },
        (error) => socket.destroy(error),
      )
      return false
    },
  }
  // Node has `onread` for every socket, its types for connecting ones only.
  const options: object = { fd, readable: true, writable: false, onread }
  const socket = new Socket(options)
  socket.once('error', ended.reject).once('close', () => ended.resolve())
  socket.resume()
  try {
    await ended.promise
  } finally {
    socket.destroy()
  }
}

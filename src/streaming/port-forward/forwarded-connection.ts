import type { Duplex } from 'node:stream'
import { endStream } from '../end-stream.ts'
import type { ForwardedConnection } from '../session.ts'

/**
 * The pair of streams of one forwarded connection. The error stream is ended as soon as nothing more goes out on the other:
 * kubectl waits for that before it lets go of the connection (client-go, tools/portforward).
 */
export function forwardedConnection(port: number, data: Duplex, error: Duplex): ForwardedConnection {
  const gone = new AbortController()
  error.resume()
  data.once('finish', () => error.end())
  data.once('close', () => {
    if (!data.readableEnded || !data.writableFinished) gone.abort()
    error.end()
  })
  return {
    port,
    input: data,
    output: data,
    gone: gone.signal,
    fail: async (message) => {
      await endStream(error, message)
      data.destroy()
    },
  }
}

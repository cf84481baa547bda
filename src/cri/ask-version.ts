import { connect, type IncomingHttpHeaders } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import { RuntimeService } from '../gen/cri_pb.ts'
import { unavailable } from '../lib/errors.ts'
import { frameOf } from './grpc/frame.ts'

/** The message of a request without fields. */
const empty = frameOf(new Uint8Array())

/** Asks a CRI server at a unix socket for its version over a new connection, as any client would. Rejects when it does not answer. */
export async function askVersion(socket: string, signal: AbortSignal): Promise<void> {
  const session = connect('http://localhost', { createConnection: () => connectSocket(socket) })
  try {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingHttpHeaders>()
    session.on('error', reject)
    const stream = session.request(
      {
        ':method': 'POST',
        ':path': `/${RuntimeService.typeName}/Version`,
        'content-type': 'application/grpc',
        te: 'trailers',
      },
      { signal },
    )
    // A refusal has its status in the headers alone.
    stream.on('response', (headers) => headers['grpc-status'] !== undefined && resolve(headers))
    stream.on('trailers', resolve).on('error', reject).resume().end(empty)
    stream.on('close', () => reject(unavailable(`${socket} did not answer Version`)))
    const { 'grpc-status': status, 'grpc-message': message } = await promise
    if (status !== '0')
      throw unavailable(`${socket} answered Version with gRPC status ${String(status)}: ${String(message)}`)
  } finally {
    session.destroy()
  }
}

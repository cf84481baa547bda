import {
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { ServerCall } from './server-call.ts'
import { trailersOf } from './status.ts'

/** Serves one method. It must not throw, and must end the call. */
export type Route = (call: ServerCall) => void

export interface GrpcOptions {
  /** By path: `/runtime.v1.RuntimeService/Version`. */
  readonly routes: ReadonlyMap<string, Route>
  /** How long a message may be, either way. */
  readonly maxMessageBytes: number
}

/** So much of a name that nobody knows is repeated to whoever asked for it. */
const longestName = 200

/** What gRPC sends is `application/grpc`, or with `+proto`; `application/grpc-web` is another protocol. */
const grpcContent = /^application\/grpc(\+proto)?\s*(;|$)/i

/**
 * A gRPC server on a unix socket, for methods that take one message and answer with one or with many. HTTP/2, with its flow
 * control, its pings and its limits for clients that do harm, is Node's. The general library for it does in many small steps what
 * a server like this can do in few; berthd answers each call too seldom for the JIT to make up for that.
 */
export class GrpcServer {
  readonly #options: GrpcOptions
  readonly #sessions = new Set<ServerHttp2Session>()
  // A node may have many calls under way at a time, and they are not small; whoever may open the socket is root.
  readonly #server = createServer({ maxSessionMemory: Number.MAX_SAFE_INTEGER })

  constructor(options: GrpcOptions) {
    this.#options = options
    this.#server.on('stream', (stream, headers) => this.#take(stream, headers))
    this.#server.on('session', (session) => {
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
    })
  }

  /** Listens on the unix socket at `path`, which must not exist. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(path, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  /** Takes no more calls; resolves when those under way are answered, and their answers sent. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const session of this.#sessions) session.close()
    })
  }

  /** Breaks all connections off. */
  destroy(): void {
    this.#server.close()
    for (const session of this.#sessions) session.destroy()
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    // A connection that breaks is told by 'close', too.
    stream.on('error', () => {})
    // It may be gone already.
    if (stream.closed || stream.destroyed) return
    if (headers[':method'] !== 'POST') return refuse(stream, { ':status': 405 })
    if (!grpcContent.test(headers['content-type'] ?? '')) return refuse(stream, { ':status': 415 })
    const path = headers[':path'] ?? ''
    const route = this.#options.routes.get(path)
    if (route) return new ServerCall(stream, headers, this.#options.maxMessageBytes).receive(route)
    const status = trailersOf({
      code: 'UNIMPLEMENTED',
      details: `there is no method ${path.slice(0, longestName)} here`,
    })
    refuse(stream, { ':status': 200, 'content-type': 'application/grpc', ...status })
  }
}

/** Answers at once, and lets the client not send the rest. */
function refuse(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  stream.respond(headers, { endStream: true })
  stream.close()
}

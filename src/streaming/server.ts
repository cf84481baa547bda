import type { Logger } from '../lib/log.ts'
import type { StreamCommands, StreamRequest } from './session.ts'

/*
 * How to use it:
 *
 *     const streaming = new StreamingServer(commands, log, { address: '127.0.0.1', port: 0 })
 *     await streaming.start()
 *     …  Exec, Attach and PortForward answer { url: streaming.url({ type: 'exec', … }) }
 *     await streaming.close()
 */

export interface StreamingOptions {
  /** The address to listen on; loopback unless told. */
  readonly address?: string
  /** 0 takes any free port. */
  readonly port?: number
  /** With these, the server speaks TLS and its URLs are https. PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** How long a URL may wait for its client, in milliseconds. */
  readonly tokenLifetimeMs?: number
  /** A session on which nothing was sent either way for so long is closed, in milliseconds. */
  readonly idleTimeoutMs?: number
  /** How long a client may take to open the streams that it asked for, in milliseconds. */
  readonly streamsTimeoutMs?: number
  /** More connections at once than these are refused. */
  readonly maxConnections?: number
}

/** Serves exec, attach and port-forward over SPDY/3.1 and WebSocket, to clients that come with a URL from `url`. */
export class StreamingServer {
  constructor(_commands: StreamCommands, _log: Logger, _options: StreamingOptions = {}) {}

  /** Listens. Throws unavailable when the address is taken. */
  async start(): Promise<void> {}

  /** Ends every session properly (GOAWAY, close frames) and stops listening. */
  async close(): Promise<void> {}

  /**
   * The absolute URL, good for one use within a minute, at which the client finds its session.
   * Throws unavailable when the server is not listening, resource-exhausted when too many URLs wait for their clients.
   */
  url(_request: StreamRequest): string {
    return ''
  }
}

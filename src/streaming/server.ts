import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, Server as TlsServer } from 'node:https'
import { type AddressInfo, isIPv6, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TlsOptions } from 'node:tls'
import { messageOf, unavailable } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { type Refusal, refuse } from './refuse.ts'
import type { StreamingConnection } from './run-session.ts'
import type { ServeOptions } from './serve-options.ts'
import { serveSpdy } from './serve-spdy.ts'
import { isWebSocketUpgrade, serveWebSocket } from './serve-websocket.ts'
import type { StreamCommands, StreamRequest } from './session.ts'
import { isSpdyUpgrade } from './spdy/upgrade.ts'
import { TokenTable } from './tokens.ts'
import { defaultTransportLimits, type TransportLimits } from '../mux/transport-limits.ts'

/*
 * How to use it:
 *
 *     const streaming = new StreamingServer(commands, log, { address: '127.0.0.1', port: 0 })
 *     await streaming.start()
 *     …  Exec, Attach and PortForward answer { url: streaming.url({ type: 'exec', … }) }
 *     await streaming.close()
 */

export interface StreamingTls {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** Clients must show a certificate that one of these has signed. */
  readonly clientCa?: string | Buffer
}

export interface StreamingOptions {
  /** The address to listen on; loopback unless told. */
  readonly address?: string
  /** 0 takes any free port. */
  readonly port?: number
  /** With these, the server speaks TLS and its URLs are https. PEM. */
  readonly tls?: StreamingTls
  /** How long a URL may wait for its client, in milliseconds; a minute unless told. */
  readonly tokenLifetimeMs?: number
  /** More URLs than these may not wait at once; 1000 unless told. */
  readonly maxTokens?: number
  /** How long a client may take to open the streams that it asked for, in milliseconds; 30 seconds unless told. */
  readonly streamsTimeoutMs?: number
  /** More connections at once than these are refused; 1000 unless told. */
  readonly maxConnections?: number
  /** What holds for a connection, where it is not to be as usual. */
  readonly limits?: Partial<TransportLimits>
}

/** Request line and headers of a client, in bytes together, and how long it may take to send them, in milliseconds. */
const maxHeaderSize = 16 * 1024
const headersTimeout = 10_000
/** How long sessions may take to say goodbye when the server closes, in milliseconds. */
const farewellMs = 1000

/** The first part of the URL's path, by what it is for, as containerd's. */
const paths: Record<StreamRequest['type'], string> = { exec: 'exec', attach: 'attach', 'port-forward': 'portforward' }

/** Serves exec, attach and port-forward over SPDY/3.1 and WebSocket, to clients that come with a URL from `url`. */
export class StreamingServer {
  readonly #options: StreamingOptions
  readonly #serving: ServeOptions
  readonly #log: Logger
  readonly #tokens: TokenTable
  readonly #server: Server
  readonly #connections = new Set<StreamingConnection>()

  constructor(commands: StreamCommands, log: Logger, options: StreamingOptions = {}) {
    this.#options = options
    this.#log = log
    this.#serving = {
      commands,
      log,
      limits: { ...defaultTransportLimits, ...options.limits },
      streamsTimeoutMs: options.streamsTimeoutMs ?? 30_000,
    }
    this.#tokens = new TokenTable(options.tokenLifetimeMs ?? 60_000, options.maxTokens ?? 1000)
    const httpOptions = {
      maxHeaderSize,
      headersTimeout,
      requestTimeout: headersTimeout,
      connectionsCheckingInterval: 5000,
      keepAliveTimeout: 1000,
    }
    this.#server = options.tls
      ? createTlsServer({ ...httpOptions, ...tlsOptions(options.tls) })
      : createServer(httpOptions)
    this.#server.maxConnections = options.maxConnections ?? 1000
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#server.on('request', (request, response) => this.#answer(request, response))
    // Without a certificate of its own a client does not get as far as a request.
    this.#server.on('tlsClientError', (error) =>
      log.warn({ error: messageOf(error) }, 'a streaming client was refused'),
    )
    this.#server.on('drop', () => log.warn({}, 'a streaming connection was refused: there are too many'))
  }

  /** Listens. Throws unavailable when the address is taken. */
  async start(): Promise<void> {
    const { address: host = '127.0.0.1', port = 0 } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => {
        reject(unavailable(`the streaming server cannot listen on ${host} port ${port}: ${messageOf(error)}`, error))
      })
      this.#server.listen({ host, port }, resolve)
    })
    this.#server.on('error', (error) => this.#log.error({ error: messageOf(error) }, 'the streaming server failed'))
  }

  /** Shows this certificate to clients that come from now on; a server that speaks no TLS stays so. */
  renewCertificate({ cert, key, clientCa }: StreamingTls): void {
    if (this.#server instanceof TlsServer)
      this.#server.setSecureContext({ cert, key, ...(clientCa && { ca: clientCa }), minVersion })
  }

  /** Ends every session properly (GOAWAY, close frames) and stops listening. Takes about a second at most. */
  async close(): Promise<void> {
    this.#server.close()
    const connections = [...this.#connections]
    const goodbyes = connections.map(async (connection) => {
      await connection.close()
      await connection.closed
    })
    await Promise.race([Promise.all(goodbyes), sleep(farewellMs, undefined, { ref: false })])
    for (const connection of connections) connection.destroy()
    this.#server.closeAllConnections()
  }

  /**
   * The absolute URL, good for one use within a minute, at which the client finds its session.
   * Throws unavailable when the server is not listening, resource-exhausted when too many URLs wait for their clients.
   */
  url(request: StreamRequest): string {
    const address = this.#server.address() as AddressInfo | null
    if (!address) throw unavailable('the streaming server is not listening')
    const scheme = this.#options.tls ? 'https' : 'http'
    return `${scheme}://${hostOf(address.address)}:${address.port}/${paths[request.type]}/${this.#tokens.add(request)}`
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Who takes the socket over adds its own; until then, a client that goes is no news.
    socket.on('error', () => {})
    const { token, refusal } = this.#check(request)
    const asked = refusal ? undefined : this.#tokens.take(token)
    if (!asked) return refuse(socket, refusal ?? notFound)
    if (socket instanceof Socket) {
      socket.setTimeout(0)
      socket.setNoDelay(true)
      socket.setKeepAlive(true, this.#serving.limits.pingIntervalMs)
    }
    const upgrade = { request, socket, head }
    const log = this.#log.child({ session: asked.type })
    const options = { ...this.#serving, log }
    if (!isWebSocketUpgrade(request)) return this.#served(serveSpdy(asked, upgrade, options), socket)
    serveWebSocket(asked, upgrade, options).then(
      (served) => this.#served(served, socket),
      (error: unknown) => {
        log.error({ error: messageOf(error) }, 'a WebSocket could not be served')
        socket.destroy()
      },
    )
  }

  #served(served: { readonly connection: StreamingConnection } | { readonly refusal: Refusal }, socket: Duplex): void {
    if ('refusal' in served) {
      this.#log.warn({ reason: served.refusal.message }, 'a streaming request was refused')
      return refuse(socket, served.refusal)
    }
    const { connection } = served
    this.#connections.add(connection)
    void connection.closed.then(() => this.#connections.delete(connection))
  }

  /** Requests that ask for no upgrade. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { refusal = noUpgrade } = this.#check(request)
    response.writeHead(
      refusal.status,
      [
        ['Content-Type', 'text/plain; charset=utf-8'],
        ['Connection', 'close'],
        ...(refusal.headers ?? []),
      ].flat() as string[],
    )
    response.end(`${refusal.message}\n`)
  }

  /** What is wrong with a request, before its token is used up. */
  #check(request: IncomingMessage): { readonly token: string; readonly refusal?: Refusal } {
    const [, path = '', token = '', ...rest] = (request.url ?? '').split('?', 1)[0]?.split('/') ?? []
    if (!Object.values(paths).includes(path) || rest.length > 0) return { token, refusal: notFound }
    if (request.method !== 'GET' && request.method !== 'POST') return { token, refusal: wrongMethod }
    const asked = this.#tokens.peek(token)
    if (!asked || paths[asked.type] !== path) {
      this.#log.warn(
        { path, client: request.socket.remoteAddress },
        'a streaming request with a wrong, used or old token',
      )
      return { token, refusal: notFound }
    }
    if (!isSpdyUpgrade(request) && !isWebSocketUpgrade(request)) return { token, refusal: noUpgrade }
    return { token }
  }
}

const minVersion = 'TLSv1.2'

function tlsOptions({ cert, key, clientCa }: StreamingTls): TlsOptions {
  return {
    cert,
    key,
    minVersion,
    handshakeTimeout: headersTimeout,
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
  }
}

const notFound: Refusal = { status: 404, message: '404 page not found' }
const wrongMethod: Refusal = { status: 405, message: 'only GET and POST are served', headers: [['Allow', 'GET, POST']] }
const noUpgrade: Refusal = {
  status: 400,
  message:
    'unable to upgrade: the request must have the headers Connection: Upgrade and Upgrade: SPDY/3.1 or websocket',
}

/** The host of the URL: the kubelet is on this machine, so any address of it will do. */
function hostOf(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  if (address === '::') return '[::1]'
  return isIPv6(address) ? `[${address}]` : address
}

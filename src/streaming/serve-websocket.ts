import './websocket/fast-mask.ts'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream } from 'ws'
import { listOf, negotiate } from './negotiate.ts'
import { parsePort } from './port-forward/parse-port.ts'
import type { Refusal } from './refuse.ts'
import {
  type PortForwardRequest,
  type RemoteCommandRequest,
  runPortForward,
  runRemoteCommand,
  type StreamingConnection,
} from './run-session.ts'
import type { ServeOptions } from './serve-options.ts'
import type { StreamRequest } from './session.ts'
import { serveSpdyPortForward } from './spdy/port-forward.ts'
import {
  maxWebSocketPorts,
  serveWebSocketPortForward,
  type WebSocketForwardProtocol,
  webSocketForwardProtocols,
} from './websocket/port-forward.ts'
import {
  serveWebSocketRemoteCommand,
  type WebSocketCommandProtocol,
  webSocketCommandProtocols,
} from './websocket/remote-command.ts'
import { upgradeToWebSocket } from './websocket/upgrade.ts'

/** SPDY with a WebSocket as its stream of bytes: how kubectl forwards ports since Kubernetes 1.31. */
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io'
const commandProtocols = Object.keys(webSocketCommandProtocols) as WebSocketCommandProtocol[]
const forwardProtocols = Object.keys(webSocketForwardProtocols) as WebSocketForwardProtocol[]

interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
}

type Served = { readonly connection: StreamingConnection } | { readonly refusal: Refusal }

/** Whether the request asks for a WebSocket. */
export function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * Upgrades a request to a WebSocket and serves on it what its URL was made for, or tells why not. Never resolves when the
 * request is no proper WebSocket request: that has been answered then.
 */
export async function serveWebSocket(asked: StreamRequest, upgrade: Upgrade, options: ServeOptions): Promise<Served> {
  return asked.type === 'port-forward'
    ? await servePortForward(asked, upgrade, options)
    : await serveRemoteCommand(asked, upgrade, options)
}

async function serveRemoteCommand(
  asked: RemoteCommandRequest,
  { request, socket, head }: Upgrade,
  options: ServeOptions,
): Promise<Served> {
  const protocol = negotiate(offeredBy(request), commandProtocols)
  if (protocol === undefined) return refusedProtocol(request, commandProtocols)
  const webSocket = await upgradeToWebSocket(request, socket, head, protocol)
  const { connection, session } = serveWebSocketRemoteCommand(webSocket, asked, protocol, options)
  void runRemoteCommand(options.commands, asked, session, options.log).then(() => connection.close())
  return { connection }
}

async function servePortForward(
  asked: PortForwardRequest,
  { request, socket, head }: Upgrade,
  options: ServeOptions,
): Promise<Served> {
  const { commands, log } = options
  const protocol = negotiate(offeredBy(request), [tunnelProtocol, ...forwardProtocols] as const)
  if (protocol === undefined) return refusedProtocol(request, [tunnelProtocol, ...forwardProtocols])
  if (protocol === tunnelProtocol) {
    const tunnel = createWebSocketStream(await upgradeToWebSocket(request, socket, head, protocol))
    const { connection, session } = serveSpdyPortForward(tunnel, options)
    void runPortForward(commands, asked, session, log).then(() => connection.close())
    return { connection }
  }
  const ports = portsOf(asked, request)
  if (ports.length === 0 || ports.length > maxWebSocketPorts) {
    const message = `a WebSocket forwards 1 to ${maxWebSocketPorts} ports, named in the request or as ?port=80,443 in the URL`
    return { refusal: { status: 400, message } }
  }
  const webSocket = await upgradeToWebSocket(request, socket, head, protocol)
  const { connection, session } = serveWebSocketPortForward(webSocket, ports, protocol, options)
  void runPortForward(commands, asked, session, log).then(() => connection.close())
  return { connection }
}

/** A client that names no subprotocol offers the nameless one. */
function offeredBy(request: IncomingMessage): string[] {
  const offered = listOf(request.headers['sec-websocket-protocol'])
  return offered.length === 0 ? [''] : offered
}

function refusedProtocol(request: IncomingMessage, supported: readonly string[]): Served {
  const message = `requested protocol(s) are not supported: [${offeredBy(request).join(' ')}]; supports [${supported.filter(Boolean).join(' ')}]`
  return { refusal: { status: 403, message } }
}

function portsOf(asked: PortForwardRequest, request: IncomingMessage): readonly number[] {
  if (asked.ports.length > 0) return asked.ports
  const query = new URL(request.url ?? '/', 'http://localhost').searchParams.getAll('port')
  const ports = query.flatMap((list) => list.split(',')).map(parsePort)
  return ports.includes(undefined) ? [] : ports.filter((port) => port !== undefined)
}

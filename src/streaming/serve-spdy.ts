import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Refusal } from './refuse.ts'
import { featuresOf, remoteCommandProtocols } from './remote-command/protocol.ts'
import { runPortForward, runRemoteCommand, type StreamingConnection } from './run-session.ts'
import type { ServeOptions } from './serve-options.ts'
import type { StreamRequest } from './session.ts'
import { serveSpdyPortForward } from './spdy/port-forward.ts'
import { serveSpdyRemoteCommand } from './spdy/remote-command.ts'
import { negotiateSpdy, switchToSpdy } from './spdy/upgrade.ts'

/** Upgrades a request to SPDY/3.1 and serves on it what its URL was made for, or tells why not. */
export function serveSpdy(
  asked: StreamRequest,
  upgrade: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
  options: ServeOptions,
): { readonly connection: StreamingConnection } | { readonly refusal: Refusal } {
  const { commands, log } = options
  const { request, socket, head } = upgrade
  if (asked.type === 'port-forward') {
    const agreed = negotiateSpdy(request, ['portforward.k8s.io'])
    if ('refusal' in agreed) return agreed
    switchToSpdy(socket, head, agreed.protocol)
    const { connection, session } = serveSpdyPortForward(socket, options)
    void runPortForward(commands, asked, session, log).then(() => connection.close())
    return { connection }
  }
  const agreed = negotiateSpdy(request, remoteCommandProtocols)
  if ('refusal' in agreed) return agreed
  switchToSpdy(socket, head, agreed.protocol)
  const { connection, session } = serveSpdyRemoteCommand(socket, asked, featuresOf(agreed.protocol), options)
  void runRemoteCommand(commands, asked, session, log).then(() => connection.close())
  return { connection }
}

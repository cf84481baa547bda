import { createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { messageOf, unavailable } from '../../lib/errors.ts'
import { resetSocket } from '../../lib/reset-socket.ts'
import type { MuxStream } from '../../mux/mux-stream.ts'
import type { Cli } from '../cli.ts'
import { dialSpdy } from '../../client/streaming/dial.ts'
import type { PortPair } from './port-pair.ts'
import type { TlsFiles } from '../../client/streaming/tls-files.ts'

/**
 * Listens on `address` and carries each connection to the port in the pod until `server` is closed. Each has a streaming
 * connection of its own, so that none waits for another one's reader; either direction ends on its own.
 */
export async function forwardPort(
  cli: Cli,
  podSandboxId: string,
  pair: PortPair,
  options: { readonly address: string; readonly tls: TlsFiles },
): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (connection) => {
    carry(cli, podSandboxId, pair.remote, connection, options.tls).catch((error) => {
      cli.note(`connection to port ${pair.remote}: ${messageOf(error)}`)
      resetSocket(connection)
    })
  })
  const { address } = options
  const { promise, resolve, reject } = Promise.withResolvers<Server>()
  server.once('error', (error) => reject(unavailable(`cannot listen on ${address}:${pair.local}: ${error.message}`)))
  server.listen(pair.local, address, () => resolve(server))
  return promise
}

async function carry(cli: Cli, podSandboxId: string, port: number, connection: Socket, tls: TlsFiles): Promise<void> {
  // It may break before it is read from.
  connection.on('error', ignore)
  const { url } = await cli.cri.runtime.portForward({ podSandboxId, port: [port] }, cli.ask)
  const spdy = await dialSpdy(url, 'portforward.k8s.io', tls, cli.terminal.signal)
  try {
    const open = (type: string) =>
      spdy.open(new Map(Object.entries({ streamtype: type, port: String(port), requestid: '0' })))
    // The error stream comes first: servers for clients without request ids find the pair by the order.
    const errors = await open('error')
    errors.end()
    const data = await open('data')
    const refused = text(errors).then((message) => {
      if (message !== '') throw unavailable(message.trim())
    })
    await Promise.all([refused, carryBoth(connection, data)])
  } finally {
    void spdy.close()
  }
}

/** Resolves when both directions have ended, or the user's end of the connection is gone. */
async function carryBoth(connection: Socket, data: MuxStream): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  connection.once('close', () => resolve())
  // What came before the connection to the runtime broke must not look like all.
  data.once('end', () => (data.cutOff ? resetSocket(connection) : connection.end()))
  data.once('close', () => data.readableEnded || resetSocket(connection))
  connection.once('close', () => data.destroy())
  data.pipe(connection, { end: false })
  connection.pipe(data)
  await closed
}

function ignore(): void {}

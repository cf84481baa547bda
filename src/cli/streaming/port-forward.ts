import { createServer, type Server, type Socket } from 'node:net'
import { messageOf, unavailable } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { ChannelSocket } from './channel-socket.ts'
import type { PortPair } from './port-pair.ts'

const dataChannel = 0
const errorChannel = 1

/** Both channels begin with the port that they belong to, in two bytes. */
const prefixBytes = 2

/**
 * Listens on `address` and carries each connection to the port in the pod, over a WebSocket of its own, until `server` is
 * closed. `v4.channel.k8s.io` cannot end one direction alone: a client that half-closes its connection still gets its
 * answer, but the program in the pod does not see the end of the request.
 */
export async function forwardPort(cli: Cli, podSandboxId: string, pair: PortPair, address: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (connection) => {
    carry(cli, podSandboxId, pair.remote, connection).catch((error) => {
      cli.note(`connection to port ${pair.remote}: ${messageOf(error)}`)
      connection.resetAndDestroy()
    })
  })
  const { promise, resolve, reject } = Promise.withResolvers<Server>()
  server.once('error', (error) => reject(unavailable(`cannot listen on ${address}:${pair.local}: ${error.message}`)))
  server.listen(pair.local, address, () => resolve(server))
  return promise
}

async function carry(cli: Cli, podSandboxId: string, port: number, connection: Socket): Promise<void> {
  // It may break before it is read from.
  connection.on('error', ignore)
  const { url } = await cli.cri.runtime.portForward({ podSandboxId, port: [port] }, cli.ask)
  const closed = Promise.withResolvers<void>()
  const prefix = [prefixBytes, prefixBytes]
  let failure = ''
  const socket = await ChannelSocket.open(
    url,
    ['v4.channel.k8s.io'],
    {
      onData(channel, data) {
        const skipped = Math.min(prefix[channel] ?? 0, data.length)
        prefix[channel] = (prefix[channel] ?? 0) - skipped
        const rest = data.subarray(skipped)
        if (channel === errorChannel) failure += rest
        if (channel !== dataChannel || rest.length === 0 || connection.destroyed || connection.write(rest)) return true
        connection.once('drain', () => socket.resume())
        return false
      },
      onClose: () => closed.resolve(),
    },
    cli.terminal.signal,
  )
  connection.on('data', (chunk: Buffer) => {
    connection.pause()
    socket.send(dataChannel, chunk).then(() => connection.resume(), ignore)
  })
  connection.once('close', () => socket.close())
  connection.resume()
  await closed.promise
  if (failure !== '') throw unavailable(failure.trim())
  connection.end()
}

function ignore(): void {}

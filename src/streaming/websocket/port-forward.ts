import { Buffer } from 'node:buffer'
import type { WebSocket } from 'ws'
import { ConnectionQueue } from '../port-forward/connection-queue.ts'
import { forwardedConnection } from '../port-forward/forwarded-connection.ts'
import type { PortForwardSession } from '../session.ts'
import { type ChannelOptions, WebSocketChannels } from './channels.ts'

/** The subprotocols of port-forward with channels; the empty one is that of clients that name none. */
export const webSocketForwardProtocols = {
  'v4.channel.k8s.io': { codec: 'binary' },
  'v4.base64.channel.k8s.io': { codec: 'base64' },
  '': { codec: 'binary' },
} as const

export type WebSocketForwardProtocol = keyof typeof webSocketForwardProtocols

/** Two channels a port, which have numbers of one byte, and 255 is not one. */
export const maxWebSocketPorts = 127

export interface WebSocketPortForward {
  readonly connection: WebSocketChannels
  readonly session: PortForwardSession
}

/**
 * Serves port-forward on a WebSocket: for the port at place `i` of the list, channel 2i carries the data and channel 2i + 1
 * the error; each begins with the port, in two bytes, the lower first. One connection a port; when the last has ended, so
 * does the WebSocket, since channels have no end of their own.
 */
export function serveWebSocketPortForward(
  socket: WebSocket,
  ports: readonly number[],
  protocol: WebSocketForwardProtocol,
  options: Pick<ChannelOptions, 'limits' | 'log'>,
): WebSocketPortForward {
  const { codec } = webSocketForwardProtocols[protocol]
  const connection = new WebSocketChannels(socket, { ...options, codec, halfClose: false })
  const queue = new ConnectionQueue()
  const ends = ports.map((port, i) => {
    const [data, error] = [connection.open(2 * i), connection.open(2 * i + 1)]
    const head = Buffer.alloc(2)
    head.writeUInt16LE(port)
    data.write(head)
    error.write(head)
    queue.add(forwardedConnection(port, data, error))
    return new Promise<void>((resolve) => {
      data.once('finish', resolve)
      data.once('close', resolve)
    })
  })
  void Promise.all(ends).then(() => connection.close())
  connection.gone.addEventListener('abort', () => queue.end())
  return { connection, session: { connections: queue, gone: connection.gone, close: () => connection.close() } }
}

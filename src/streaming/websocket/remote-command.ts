import type { WebSocket } from 'ws'
import { openRemoteCommandSession } from '../remote-command/open-session.ts'
import type { WantedStreams } from '../remote-command/wanted-streams.ts'
import type { RemoteCommandSession } from '../session.ts'
import { type ChannelOptions, WebSocketChannels } from './channels.ts'

/** The subprotocols of exec and attach, and what each can do; the empty one is that of clients that name none. */
export const webSocketCommandProtocols = {
  'v5.channel.k8s.io': { codec: 'binary', halfClose: true, jsonStatus: true },
  'v4.channel.k8s.io': { codec: 'binary', halfClose: false, jsonStatus: true },
  'v4.base64.channel.k8s.io': { codec: 'base64', halfClose: false, jsonStatus: true },
  'channel.k8s.io': { codec: 'binary', halfClose: false, jsonStatus: false },
  'base64.channel.k8s.io': { codec: 'base64', halfClose: false, jsonStatus: false },
  '': { codec: 'binary', halfClose: false, jsonStatus: false },
} as const

export type WebSocketCommandProtocol = keyof typeof webSocketCommandProtocols

/** The numbers of the channels: the first three as the file descriptors. */
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const

export interface WebSocketRemoteCommand {
  readonly connection: WebSocketChannels
  readonly session: RemoteCommandSession
}

/** Serves one exec or attach on a WebSocket. */
export function serveWebSocketRemoteCommand(
  socket: WebSocket,
  wanted: WantedStreams,
  protocol: WebSocketCommandProtocol,
  options: Pick<ChannelOptions, 'limits' | 'log'>,
): WebSocketRemoteCommand {
  const { codec, halfClose, jsonStatus } = webSocketCommandProtocols[protocol]
  const connection = new WebSocketChannels(socket, { ...options, codec, halfClose })
  // The greeting goes to the first channel on which the client may look for something.
  const { stdin, stdout } = wanted
  const stderr = wanted.stderr && !wanted.tty
  const streams = {
    error: connection.open(channels.error, !stdout && !stderr),
    stdin: stdin ? connection.open(channels.stdin) : undefined,
    stdout: stdout ? connection.open(channels.stdout, true) : undefined,
    stderr: stderr ? connection.open(channels.stderr, !stdout) : undefined,
    resize: wanted.tty ? connection.open(channels.resize) : undefined,
  }
  return { connection, session: openRemoteCommandSession(streams, connection, jsonStatus) }
}

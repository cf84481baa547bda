import type { Duplex } from 'node:stream'
import { cancelled, deadlineExceeded } from '../../lib/errors.ts'
import { openRemoteCommandSession } from '../remote-command/open-session.ts'
import type { RemoteCommandFeatures } from '../remote-command/protocol.ts'
import type { WantedStreams } from '../remote-command/wanted-streams.ts'
import type { RemoteCommandSession } from '../session.ts'
import { SpdyConnection, type SpdyOptions } from '../../mux/spdy/connection.ts'

/** The streams that a client may open, one of each, by their header `streamType`. */
const streamTypes = ['error', 'stdin', 'stdout', 'stderr', 'resize'] as const
type StreamType = (typeof streamTypes)[number]

export interface SpdyRemoteCommand {
  readonly connection: SpdyConnection
  /**
   * Resolves when the client has opened every stream; nothing was sent on them before. Rejects with deadline-exceeded when
   * they did not come in time, and with cancelled when the client has gone before; then the connection is closed.
   */
  readonly session: Promise<RemoteCommandSession>
}

/** Serves one exec or attach on a transport that has been upgraded to SPDY/3.1. */
export function serveSpdyRemoteCommand(
  transport: Duplex,
  wanted: WantedStreams,
  features: RemoteCommandFeatures,
  options: Pick<SpdyOptions, 'limits' | 'log'> & { readonly streamsTimeoutMs: number },
): SpdyRemoteCommand {
  const expected = expectedTypes(wanted, features)
  const came = new Map<StreamType, Duplex>()
  const session = Promise.withResolvers<RemoteCommandSession>()
  const connection = new SpdyConnection(transport, {
    limits: options.limits,
    log: options.log,
    incoming: {
      maxStreams: streamTypes.length,
      accept: (headers) => {
        const type = streamTypes.find((type) => type === headers.get('streamtype'))
        return type !== undefined && !came.has(type)
      },
      stream: ({ headers, stream }) => {
        const type = headers.get('streamtype') as StreamType
        came.set(type, stream)
        if (!expected.has(type)) stream.resume()
        const error = came.get('error')
        if (!error || ![...expected].every((type) => came.has(type))) return
        clearTimeout(timer)
        const asked = (type: StreamType) => (expected.has(type) ? came.get(type) : undefined)
        session.resolve(
          openRemoteCommandSession(
            { error, stdin: asked('stdin'), stdout: asked('stdout'), stderr: asked('stderr'), resize: asked('resize') },
            connection,
            features.jsonStatus,
          ),
        )
      },
    },
  })
  const timer = setTimeout(() => {
    const missing = [...expected].filter((type) => !came.has(type))
    session.reject(deadlineExceeded(`the client did not open its streams in time: ${missing.join(', ')}`))
    void connection.close()
  }, options.streamsTimeoutMs)
  connection.gone.addEventListener('abort', () => {
    clearTimeout(timer)
    session.reject(cancelled('the client has gone before it had opened its streams'))
  })
  return { connection, session: session.promise }
}

function expectedTypes(wanted: WantedStreams, features: RemoteCommandFeatures): ReadonlySet<StreamType> {
  const types = new Set<StreamType>(['error'])
  if (wanted.stdin) types.add('stdin')
  if (wanted.stdout) types.add('stdout')
  if (wanted.stderr && !wanted.tty) types.add('stderr')
  if (wanted.tty && features.resize) types.add('resize')
  return types
}

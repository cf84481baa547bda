import type { Duplex } from 'node:stream'
import { ConnectionQueue } from '../port-forward/connection-queue.ts'
import { forwardedConnection } from '../port-forward/forwarded-connection.ts'
import { parsePort } from '../port-forward/parse-port.ts'
import type { PortForwardSession } from '../session.ts'
import { type IncomingStream, SpdyConnection, type SpdyOptions } from '../../mux/spdy/connection.ts'
import type { SpdyHeaders } from '../../mux/spdy/frames.ts'

/** Two streams a connection: five hundred at once. */
const maxStreams = 1000

interface HalfPair {
  readonly timer: NodeJS.Timeout
  readonly data?: IncomingStream
  readonly error?: IncomingStream
}

export interface SpdyPortForward {
  readonly connection: SpdyConnection
  readonly session: PortForwardSession
}

/**
 * Serves portforward.k8s.io on a transport that has been upgraded to SPDY/3.1: for each connection the client opens a
 * stream of type `error` and one of type `data`, with the headers `port` and `requestid`.
 */
export function serveSpdyPortForward(
  transport: Duplex,
  options: Pick<SpdyOptions, 'limits' | 'log'> & { readonly streamsTimeoutMs: number },
): SpdyPortForward {
  const halves = new Map<string, HalfPair>()
  const queue = new ConnectionQueue()

  const drop = (key: string) => {
    const half = halves.get(key)
    halves.delete(key)
    if (half?.error) half.error.stream.end(`timed out waiting for the other stream of request ${key}`)
    half?.data?.stream.destroy()
  }
  const connection = new SpdyConnection(transport, {
    limits: options.limits,
    log: options.log,
    incoming: {
      maxStreams,
      accept: (headers, id) => {
        const type = typeOf(headers)
        if (!type || parsePort(headers.get('port')) === undefined) return false
        return !halves.get(pairKey(headers, id))?.[type]
      },
      stream: (incoming) => {
        const { headers, id } = incoming
        const key = pairKey(headers, id)
        const type = typeOf(headers)
        const timer = halves.get(key)?.timer ?? setTimeout(() => drop(key), options.streamsTimeoutMs)
        const half: HalfPair = { ...halves.get(key), timer, ...(type ? { [type]: incoming } : {}) }
        const port = parsePort(half.data?.headers.get('port'))
        if (half.data && half.error && port !== undefined) {
          clearTimeout(timer)
          halves.delete(key)
          queue.add(forwardedConnection(port, half.data.stream, half.error.stream))
        } else {
          halves.set(key, half)
          incoming.stream.once('close', () => {
            if (halves.get(key) !== half) return
            clearTimeout(timer)
            halves.delete(key)
          })
        }
      },
    },
  })
  connection.gone.addEventListener('abort', () => {
    for (const { timer } of halves.values()) clearTimeout(timer)
    halves.clear()
    queue.end()
  })
  return { connection, session: { connections: queue, gone: connection.gone, close: () => connection.close() } }
}

function typeOf(headers: SpdyHeaders): 'data' | 'error' | undefined {
  const type = headers.get('streamtype')
  return type === 'data' || type === 'error' ? type : undefined
}

/**
 * What the two streams of a pair have in common: the client's request id, or, of clients too old to send one, the id of the
 * error stream, right before that of the data stream.
 */
function pairKey(headers: SpdyHeaders, id: number): string {
  const requestId = headers.get('requestid')
  if (requestId) return `request ${requestId}`
  return `stream ${headers.get('streamtype') === 'data' ? id - 2 : id}`
}

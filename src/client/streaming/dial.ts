import { type IncomingMessage, request as httpRequest } from 'node:http'
import { type RequestOptions, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { messageOf, unavailable } from '../../lib/errors.ts'
import { silentLogger } from '../../lib/log.ts'
import { SpdyConnection } from '../../mux/spdy/connection.ts'
import { defaultTransportLimits } from '../../mux/transport-limits.ts'
import { type TlsFiles, tlsOptions } from './tls-files.ts'

/** How long the runtime may take to answer at the URL that it gave, in milliseconds. */
const answerPatience = 10_000
/** How long this side waits for the runtime to hang up at the end, in milliseconds. */
const lingerMs = { polite: 0, final: 1000 }

/**
 * Connects to a streaming URL, http or https, with SPDY/3.1: the transport that every runtime has, and in which either
 * direction of a stream can be ended.
 *
 * @param protocol what is spoken inside, such as v4.channel.k8s.io
 * @throws unavailable when nobody answers there, or not with SPDY; invalid-argument for a file that cannot be read
 */
export async function dialSpdy(
  url: string,
  protocol: string,
  tls: TlsFiles,
  signal: AbortSignal,
): Promise<SpdyConnection> {
  const address = new URL(url)
  const options: RequestOptions = {
    method: 'POST',
    headers: { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocol },
    agent: false,
    timeout: answerPatience,
    signal,
    ...(address.protocol === 'https:' && tlsOptions(address, tls)),
  }
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const request = (address.protocol === 'https:' ? httpsRequest : httpRequest)(address, options)
  request.once('upgrade', (_: IncomingMessage, socket: Socket, head: Buffer) => {
    if (head.length > 0) socket.unshift(head)
    resolve(socket)
  })
  request.once('response', (response: IncomingMessage) => {
    text(response).then((body) => reject(new Error(`HTTP ${response.statusCode}: ${body.trim()}`)), reject)
  })
  request.once('timeout', () => request.destroy(new Error(`no answer within ${answerPatience / 1000} s`)))
  request.once('error', reject)
  request.end()
  try {
    const socket = await promise
    socket.setTimeout(0)
    socket.setNoDelay(true)
    const connection = new SpdyConnection(socket, {
      limits: { ...defaultTransportLimits, lingerMs },
      log: silentLogger,
    })
    signal.addEventListener('abort', () => connection.destroy(), { once: true })
    return connection
  } catch (error) {
    throw unavailable(`cannot stream from the runtime at ${address.host}: ${messageOf(error)}`, error)
  }
}

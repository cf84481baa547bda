import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { createSecureContext, getCACertificates } from 'node:tls'
import { isLoopback } from '../../lib/loopback.ts'

/** How a TLS connection to a registry is made; texts in PEM. */
export interface TlsSettings {
  /** Besides the certificate authorities of the system. */
  readonly ca?: readonly string[]
  readonly clients?: readonly { readonly cert: string; readonly key: string }[]
  readonly skipVerify?: boolean
}

export interface HttpRequest {
  readonly url: URL
  readonly method: 'GET' | 'HEAD' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly tls: TlsSettings
  readonly signal: AbortSignal
}

export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /**
   * Hands the body to `take`, piece by piece, and resolves at its end. A broken or stalled one rejects with a
   * {@link TransportError}. What `take` throws closes the connection, and is what this rejects with.
   */
  each(take: (chunk: Buffer) => void): Promise<void>
  /** The body; undefined, and the connection closed, when it has more bytes than `limit`. Rejects as {@link each}. */
  all(limit: number): Promise<Buffer | undefined>
  /** Drops the body; a short one so that the connection can be used again. */
  discard(): void
}

/** The registry did not answer as HTTP has it: no connection, a broken one, silence, or TLS trouble. */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  /** A retry may help. */
  readonly transient: boolean

  constructor(message: string, transient: boolean, cause?: unknown) {
    super(message, { cause })
    this.transient = transient
  }
}

export interface TransportTimeouts {
  /** From the request to the head of the answer, connecting included, in milliseconds. */
  readonly answerMs: number
  /** Without a byte of the body, in milliseconds. */
  readonly stallMs: number
}

/** HTTP with connections that are kept for the next request, one pool a kind of TLS settings. */
export class Transport {
  readonly #timeouts: TransportTimeouts
  readonly #agents = new Map<string, HttpAgent | HttpsAgent>()

  constructor(timeouts: TransportTimeouts) {
    this.#timeouts = timeouts
  }

  /** Sends a request; redirects are answers like others. Throws {@link TransportError}, or the reason of the signal. */
  send(request: HttpRequest): Promise<HttpResponse> {
    request.signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>()
    const secure = request.url.protocol === 'https:'
    const sent = (secure ? httpsRequest : httpRequest)(request.url, {
      method: request.method,
      headers: { 'user-agent': 'berth', ...request.headers },
      agent: this.#agentOf(request.url, request.tls),
      signal: request.signal,
    })
    const { answerMs, stallMs } = this.#timeouts
    const late = new TransportError(`did not answer within ${answerMs / 1000} s`, true)
    const timer = setTimeout(() => sent.destroy(late), answerMs)
    sent.once('response', (message) => {
      clearTimeout(timer)
      resolve(responseOf(message, request, stallMs))
    })
    sent.on('error', (error) => {
      clearTimeout(timer)
      reject(request.signal.aborted ? request.signal.reason : transportErrorOf(error))
    })
    sent.end(request.body)
    return promise
  }

  /** Closes the idle connections. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy()
    this.#agents.clear()
  }

  #agentOf(url: URL, tls: TlsSettings): HttpAgent | HttpsAgent {
    const loopback = isLoopback(url.host)
    const key = `${url.protocol} ${loopback} ${JSON.stringify(tls)}`
    const known = this.#agents.get(key)
    if (known) return known
    const options = {
      keepAlive: true,
      maxFreeSockets: 8,
      // The proxy variables as everywhere (HTTPS_PROXY, NO_PROXY); never for the machine itself, as Go has it.
      ...(loopback ? {} : { proxyEnv: process.env }),
    }
    const agent =
      url.protocol === 'https:' ? new HttpsAgent({ ...options, ...tlsOptionsOf(tls) }) : new HttpAgent(options)
    this.#agents.set(key, agent)
    return agent
  }
}

/** Those of the system, as Go programs use them: administrators add theirs there. Node's own where it has none. */
function certificateAuthorities(): readonly string[] {
  // The folder and the bundle of Debian hold the same ones.
  const system = new Set(getCACertificates('system'))
  return system.size > 0 ? [...system] : getCACertificates('default')
}

/** One context for all connections of an agent: reading some hundred certificates takes a while. */
function tlsOptionsOf({ ca = [], clients = [], skipVerify = false }: TlsSettings) {
  const secureContext = createSecureContext({
    ca: [...certificateAuthorities(), ...ca],
    ...(clients.length > 0 ? { cert: clients.map(({ cert }) => cert), key: clients.map(({ key }) => key) } : {}),
  })
  return { secureContext, rejectUnauthorized: !skipVerify }
}

/** A body that nobody wants is read up to this many bytes, to keep the connection; a longer one is not worth it. */
const maxDiscard = 65536

function responseOf(message: IncomingMessage, request: HttpRequest, stallMs: number): HttpResponse {
  const { signal, method } = request
  const each = (take: (chunk: Buffer) => void) => eachPiece(message, stallMs, signal, take)
  return {
    status: message.statusCode ?? 0,
    headers: message.headers,
    each,
    all: (limit) => allOf(each, limit),
    discard() {
      message.on('error', () => {})
      const length = Number(message.headers['content-length'] ?? Number.POSITIVE_INFINITY)
      if (method === 'HEAD' || length <= maxDiscard) message.resume()
      else message.destroy()
    },
  }
}

/** By events, since iterating over a stream takes a third more CPU for the same bytes. */
function eachPiece(
  message: IncomingMessage,
  stallMs: number,
  signal: AbortSignal,
  take: (chunk: Buffer) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const fail = (error: unknown) => reject(signal.aborted ? signal.reason : transportErrorOf(error))
  const brokenOff = () => fail(message.errored ?? new Error('the connection was closed before the end'))
  if (message.destroyed) brokenOff()
  const stalled = new TransportError(`sent nothing for ${stallMs / 1000} s`, true)
  const timer = setTimeout(() => message.destroy(stalled), stallMs)
  message
    .on('error', fail)
    .on('close', brokenOff)
    .on('end', () => resolve())
    .on('data', (chunk: Buffer) => {
      try {
        take(chunk)
      } catch (error) {
        reject(error)
        message.destroy()
      }
      // Not before: the time that the taker takes is not the registry's.
      timer.refresh()
    })
  return promise.finally(() => clearTimeout(timer))
}

class TooLongError extends Error {}

async function allOf(each: HttpResponse['each'], limit: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    await each((chunk) => {
      length += chunk.length
      if (length > limit) throw new TooLongError()
      chunks.push(chunk)
    })
  } catch (error) {
    if (error instanceof TooLongError) return undefined
    throw error
  }
  return Buffer.concat(chunks)
}

const advices: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses the connection',
  ECONNRESET: 'broke the connection',
  ENOTFOUND: 'has a name that is not known (DNS)',
  EAI_AGAIN: 'has a name that cannot be looked up at the moment (DNS)',
  ETIMEDOUT: 'cannot be reached (timed out)',
  EHOSTUNREACH: 'cannot be reached (no route to host)',
  ENETUNREACH: 'cannot be reached (no network)',
  EPROTO: 'does not speak TLS there (if it is meant to speak plain HTTP, say so in its hosts.toml)',
}

function transportErrorOf(error: unknown): TransportError {
  if (error instanceof TransportError) return error
  const first = error instanceof AggregateError ? error.errors[0] : error
  const code = first instanceof Error && 'code' in first ? String(first.code) : ''
  const text = first instanceof Error ? first.message : String(first)
  const certificate = /CERT|^UNABLE_TO|^ERR_TLS|SELF_SIGNED/.test(code)
  const why = certificate ? `has a certificate that is not trusted (${text})` : (advices[code] ?? `failed: ${text}`)
  return new TransportError(why, !certificate && code !== 'EPROTO', error)
}

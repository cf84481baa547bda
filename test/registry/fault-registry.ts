import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Blob, type BuiltImage, type BuiltIndex, digestOf } from './image-builder.ts'
import { testCertificate } from './test-certificate.ts'

/** What the registry does with a request instead of answering it well. */
export type Fault =
  | {
      readonly do: 'answer'
      readonly status: number
      readonly headers?: Record<string, string>
      readonly body?: string
    }
  /** Sends the head and so many bytes of the body, then breaks the connection. */
  | { readonly do: 'cut'; readonly after: number }
  /** Sends the head and so many bytes, then nothing for ever. */
  | { readonly do: 'stall'; readonly after: number }
  /** Does not even answer. */
  | { readonly do: 'ignore' }
  /** Breaks the connection before the answer. */
  | { readonly do: 'reset' }
  /** Sends this content instead, with a head that fits it. */
  | { readonly do: 'replace'; readonly bytes: Buffer; readonly headers?: Record<string, string> }
  /** Answers a Range as if it had not been asked for. */
  | { readonly do: 'no-range' }
  /** Sends the content in pieces, with a pause of so many milliseconds before each. */
  | { readonly do: 'drip'; readonly pieces: number; readonly pauseMs: number }

export interface SeenRequest {
  readonly method: string
  /** With the query. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

/** Decides about a request; the number counts the requests with the same method and path, from 1. */
export type FaultPlan = (request: SeenRequest, count: number) => Fault | undefined

/**
 * A small registry in this process that can be made to fail at any byte. It serves what was added, also by Range, and
 * remembers every request.
 */
export class FaultRegistry implements AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string
  readonly seen: SeenRequest[] = []
  plan: FaultPlan = () => undefined
  /** Asked for each request; a challenge is answered with 401. */
  challenge: (request: SeenRequest) => string | undefined = () => undefined
  readonly #server: Server
  readonly #content = new Map<string, { readonly bytes: Buffer; readonly type: string }>()
  readonly #counts = new Map<string, number>()

  private constructor(server: Server) {
    this.#server = server
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request, response) => this.#serve(request, response))
  }

  /** With `tls`, it speaks HTTPS with the certificate of test-certificate.ts. */
  static async start(options: { readonly tls?: boolean } = {}): Promise<FaultRegistry> {
    const server = (options.tls ? createTlsServer(testCertificate) : createServer()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FaultRegistry(server)
  }

  /** Serves an image or an index under a tag, and under its digests. */
  add(repository: string, tag: string, image: BuiltImage | BuiltIndex): void {
    const images = 'index' in image ? image.images : [image]
    for (const { layers, config, manifest } of images) {
      for (const blob of [...layers, config]) this.addBlob(repository, blob)
      this.addManifest(repository, manifest.digest, manifest)
    }
    this.addManifest(repository, tag, 'index' in image ? image.index : image.manifest)
  }

  addBlob(repository: string, blob: Blob): void {
    this.#content.set(`/v2/${repository}/blobs/${blob.digest}`, { bytes: blob.bytes, type: 'application/octet-stream' })
  }

  addManifest(repository: string, tag: string, { bytes, mediaType, digest }: Blob): void {
    for (const name of [tag, digest])
      this.#content.set(`/v2/${repository}/manifests/${name}`, { bytes, type: mediaType })
  }

  /** The requests whose `METHOD path` matches. */
  requests(pattern: RegExp): SeenRequest[] {
    return this.seen.filter(({ method, url }) => pattern.test(`${method} ${url}`))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop()
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request
    const seen = { method, url, headers }
    this.seen.push(seen)
    const path = url.replace(/\?.*$/, '')
    const count = (this.#counts.get(`${method} ${path}`) ?? 0) + 1
    this.#counts.set(`${method} ${path}`, count)
    const fault = this.plan(seen, count)
    const challenge = this.challenge(seen)
    if (fault?.do === 'reset') request.socket.destroy()
    else if (fault?.do === 'ignore') return
    else if (fault?.do === 'answer') response.writeHead(fault.status, fault.headers).end(fault.body)
    else if (challenge !== undefined) response.writeHead(401, { 'www-authenticate': challenge }).end()
    else if (this.#content.has(path)) this.#send(request, response, path, fault)
    else this.#notFound(response)
  }

  #notFound(response: ServerResponse): void {
    const body = JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] })
    response.writeHead(404, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
  }

  #send(request: IncomingMessage, response: ServerResponse, path: string, fault: Fault | undefined): void {
    const stored = this.#content.get(path) as { bytes: Buffer; type: string }
    const whole = fault?.do === 'replace' ? fault.bytes : stored.bytes
    const range = fault?.do === 'no-range' ? undefined : /^bytes=(\d+)-$/.exec(request.headers.range ?? '')
    const start = range ? Number(range[1]) : 0
    const body = whole.subarray(start)
    response.writeHead(range ? 206 : 200, {
      'content-type': stored.type,
      'content-length': body.length,
      ...(path.includes('/manifests/') ? { 'docker-content-digest': digestOf(stored.bytes) } : {}),
      ...(range ? { 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` } : {}),
      ...(fault?.do === 'replace' ? fault.headers : {}),
    })
    if (request.method === 'HEAD') response.end()
    else if (fault?.do === 'cut') response.write(body.subarray(0, fault.after), () => request.socket.destroy())
    else if (fault?.do === 'stall') response.write(body.subarray(0, fault.after))
    else if (fault?.do === 'drip') void drip(response, body, fault)
    else response.end(body)
  }
}

async function drip(response: ServerResponse, body: Buffer, { pieces, pauseMs }: { pieces: number; pauseMs: number }) {
  const size = Math.ceil(body.length / pieces)
  for (let at = 0; at < body.length && !response.destroyed; at += size) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    response.write(body.subarray(at, at + size))
  }
  response.end()
}

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { OtlpAttribute, OtlpSpan } from '../otlp-spans.ts'

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] }
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[]
  }[]
}

/** A collector that takes OTLP over HTTP, as JSON, and keeps what it took. */
export class Collector implements AsyncDisposable {
  readonly #server: Server
  readonly requests: ExportRequest[] = []
  /** What it answers; only what it answers 200 to is kept. */
  status = 200
  /** How many requests it had. */
  asked = 0

  private constructor() {
    this.#server = createServer(async (request, response) => {
      this.asked++
      const isRight =
        request.method === 'POST' &&
        request.url === '/v1/traces' &&
        request.headers['content-type'] === 'application/json'
      const body = (await json(request)) as ExportRequest
      const status = isRight ? this.status : 404
      if (status === 200) this.requests.push(body)
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    })
  }

  static async start(): Promise<Collector> {
    const collector = new Collector()
    collector.#server.listen(0, '127.0.0.1')
    await once(collector.#server, 'listening')
    return collector
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  spans(): OtlpSpan[] {
    const all = this.requests.flatMap(({ resourceSpans }) => resourceSpans)
    return all.flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

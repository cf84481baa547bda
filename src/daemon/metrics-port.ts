import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { messageOf, unavailable } from '../lib/errors.ts'

const address = '127.0.0.1'
/** Who may be meant by a client on this machine. A name that somebody else's DNS has pointed here is not (DNS rebinding). */
const ownHost = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/
const notFound = 'Only GET /metrics is served here.\n'

/** Serves `GET /metrics`, and nothing else, on a port of this machine's own that may become another. */
export class MetricsPort implements Disposable {
  readonly #answer: (response: ServerResponse) => void
  #port = 0
  #server: Server | undefined

  constructor(answer: (response: ServerResponse) => void) {
    this.#answer = answer
  }

  /**
   * Listens on `port`, or on none when it is 0; the answer ends what was listened on before. Throws unavailable when the port is
   * taken.
   */
  async prepare(port: number): Promise<() => void> {
    if (port === this.#port) return () => {}
    const server = port === 0 ? undefined : await this.#listen(port)
    return () => {
      this[Symbol.dispose]()
      this.#port = port
      this.#server = server
    }
  }

  async #listen(port: number): Promise<Server> {
    const server = createServer({ requestTimeout: 10_000 }, (request, response) => this.#serve(request, response))
    server.maxConnections = 20
    try {
      server.listen({ host: address, port })
      await once(server, 'listening')
    } catch (error) {
      throw unavailable(`metrics.port: berthd cannot listen on ${address} port ${port}: ${messageOf(error)}`, error)
    }
    return server.unref()
  }

  #serve({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
    const isOurs = method === 'GET' && url === '/metrics' && ownHost.test(headers.host ?? '')
    if (isOurs) this.#answer(response)
    else response.writeHead(404, { 'content-type': 'text/plain' }).end(notFound)
  }

  [Symbol.dispose](): void {
    this.#server?.close()
    this.#server?.closeAllConnections()
    this.#server = undefined
  }
}

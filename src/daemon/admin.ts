import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Images } from '../image/images.ts'
import { BerthError, invalidArgument, messageOf, notFound } from '../lib/errors.ts'
import type { Calls } from '../observe/calls.ts'
import type { Traces } from '../observe/traces.ts'
import type { Pods } from '../pod/pods.ts'
import { type AdminCall, imageCalls } from './admin-images.ts'
import type { LiveConfig } from './live-config.ts'
import { orderCalls } from './admin-order.ts'

/** The longest request body taken, in bytes. */
const maxBody = 64 * 1024

/**
 * The admin API: HTTP with JSON on a unix socket that only root can open, for what CRI has no call for.
 *
 *     POST /v1/images/load   { "path": "/an/oci-layout" }   imports the images of an OCI layout
 *     POST /v1/images/load-tar?name=…                       the same of a tar that is the body; also `docker save`
 *     GET  /v1/images/save?image=…&format=…                 an image as a tar, oci-archive or docker-archive
 *     GET  /v1/pulls                                        the pulls under way, with bytes done and total
 *     GET  /v1/pulls/follow?image=…                         the same as it changes, a line of JSON each
 *     GET  /metrics                                         Berth's own metrics, for Prometheus (docs/metrics.md)
 *     GET  /v1/check                                        what is not in order, on the machine and in the records
 *     GET  /v1/gc                                           the same, with what takes space in the image store, and for whom
 *     POST /v1/gc                                           puts in order what can be; answers what there was
 *     GET  /v1/operations                                   what is being done with pods, since when, at which stage
 *     GET  /v1/calls                                        the calls under way, and those that failed last
 *     POST /v1/config/reload                                reads the configuration file again
 *     POST /v1/tracing       { "on": true }                 traces calls from now on, or no more
 *     GET  /v1/traces                                       where the time of the last traced calls went
 */
export function createAdminServer(services: {
  readonly pods: Pods
  readonly images: Images
  readonly traces: Traces
  readonly calls: Calls
  readonly live: LiveConfig
  readonly metrics: (response: ServerResponse) => void
}): Server {
  const routes: Record<string, AdminCall> = {
    ...imageCalls(services.images),
    ...orderCalls(services),
    'POST /v1/images/load': async (request) => {
      const { path, name } = (await readJson(request)) as { path?: unknown; name?: unknown }
      if (typeof path !== 'string' || !path.startsWith('/')) throw invalidArgument('"path" must be an absolute path')
      const images = await services.images.load(path, typeof name === 'string' ? name : undefined)
      return { images: images.map(({ id, repoTags }) => ({ id, repoTags })) }
    },
    'GET /metrics': async (_, response) => services.metrics(response),
    'GET /v1/pulls': async () => ({ pulls: services.images.progress() }),
    'POST /v1/tracing': async (request) => {
      const { on } = (await readJson(request)) as { on?: unknown }
      if (typeof on !== 'boolean') throw invalidArgument('"on" must be true or false')
      services.traces.keep(on)
      return { on }
    },
    'GET /v1/traces': async () => ({ traces: services.traces.list() }),
    'GET /v1/calls': async () => ({ calls: services.calls.underWay(), failures: services.calls.failures() }),
    'POST /v1/config/reload': () => services.live.reload('the admin socket'),
    'GET /v1/operations': async () => ({ operations: services.pods.operations() }),
  }
  return createServer(async (request, response) => {
    try {
      const url = urlOf(request)
      const name = `${request.method} ${url.pathname}`
      if (!Object.hasOwn(routes, name)) throw notFound('admin call', name)
      const body = await routes[name]?.(request, response, url.searchParams)
      if (!response.headersSent) answer(response, 200, body)
    } catch (error) {
      // Half an answer can only be broken off.
      if (response.headersSent) return void response.destroy()
      const code = error instanceof BerthError ? error.code : 'internal'
      const status = code === 'not-found' ? 404 : code === 'invalid-argument' ? 400 : 500
      answer(response, status, { error: { code, message: messageOf(error) } })
    }
  })
}

function urlOf({ url = '/' }: IncomingMessage): URL {
  const parsed = URL.parse(url, 'http://admin')
  if (!parsed) throw invalidArgument(`"${url}" is no path of a URL`)
  return parsed
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${text}\n`)
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBody) throw invalidArgument(`the request is longer than ${maxBody} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw invalidArgument(`the request is not JSON: ${messageOf(error)}`, error)
  }
}

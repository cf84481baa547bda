import { type IncomingMessage, request } from 'node:http'
import type { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import { createInterface } from 'node:readline'
import { failedPrecondition, operationFailed } from '../lib/errors.ts'

/** One call of berthd's admin socket. */
export interface AdminRequest {
  readonly method: 'GET' | 'POST'
  /** With the query. */
  readonly path: string
  readonly body?: Readable | string
  readonly signal: AbortSignal
}

/** Calls the admin socket and answers its JSON. Throws what berthd says, and when nobody is there. */
export async function callAdmin(socket: string, call: AdminRequest): Promise<unknown> {
  const response = await send(socket, call)
  const answer = (await json(response).catch(() => undefined)) as { error?: { message?: string } } | undefined
  if (response.statusCode === 200) return answer
  throw operationFailed(answer?.error?.message ?? `the admin socket answered ${response.statusCode}`)
}

/** Calls the admin socket and gives what it answers line by line, as JSON, until the signal aborts or berthd ends it. */
export async function* followAdmin(socket: string, path: string, signal: AbortSignal): AsyncGenerator<unknown> {
  const response = await send(socket, { method: 'GET', path, signal })
  for await (const line of createInterface({ input: response })) yield JSON.parse(line)
}

/** The raw answer, when it is 200. */
export async function streamAdmin(socket: string, call: AdminRequest): Promise<IncomingMessage> {
  const response = await send(socket, call)
  if (response.statusCode === 200) return response
  const answer = (await json(response).catch(() => undefined)) as { error?: { message?: string } } | undefined
  throw operationFailed(answer?.error?.message ?? `the admin socket answered ${response.statusCode}`)
}

function send(socket: string, { method, path, body, signal }: AdminRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const sent = request({ socketPath: socket, method, path, signal, headers: { host: 'admin' } }, resolve)
  sent.once('error', (error: NodeJS.ErrnoException) => {
    const gone = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
    const hint = `berthd does not serve its admin API at ${socket}; is it running, and is the runtime Berth?`
    reject(gone ? failedPrecondition(hint, error) : error)
  })
  if (body === undefined || typeof body === 'string') sent.end(body)
  else body.once('error', (error) => sent.destroy(error)).pipe(sent)
  return promise
}

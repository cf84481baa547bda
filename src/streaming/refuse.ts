import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

/** Why a request is not served, for its HTTP answer. */
export interface Refusal {
  readonly status: number
  readonly message: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
}

/** Answers an upgrade request with an error, and hangs up. */
export function refuse(socket: Duplex, refusal: Refusal): void {
  const body = `${refusal.message}\n`
  const lines = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(refusal.headers ?? []).map(([name, value]) => `${name}: ${value}`),
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

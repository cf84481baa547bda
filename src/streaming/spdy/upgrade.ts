import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { listOf, negotiate } from '../negotiate.ts'
import type { Refusal } from '../refuse.ts'

/** Whether the request asks for SPDY/3.1. */
export function isSpdyUpgrade(request: IncomingMessage): boolean {
  return (request.headers.upgrade ?? '').toLowerCase().includes('spdy/3.1')
}

/**
 * Settles on a version of the protocol inside SPDY, in the client's order of preference, or tells why there is none, as
 * Kubernetes' servers do (k8s.io/streaming, httpstream.Handshake).
 */
export function negotiateSpdy<T extends string>(
  request: IncomingMessage,
  supported: readonly T[],
): { readonly protocol: T } | { readonly refusal: Refusal } {
  const offered = listOf(request.headers['x-stream-protocol-version'])
  if (offered.length === 0) {
    return { refusal: { status: 400, message: 'unable to upgrade: the header X-Stream-Protocol-Version is missing' } }
  }
  const protocol = negotiate(offered, supported)
  if (protocol !== undefined) return { protocol }
  return {
    refusal: {
      status: 403,
      message:
        'unable to upgrade: unable to negotiate protocol: ' +
        `client supports [${offered.join(' ')}], server accepts [${supported.join(' ')}]`,
      headers: supported.map((name) => ['X-Accepted-Stream-Protocol-Versions', name] as const),
    },
  }
}

/** Says that from now on the transport carries SPDY/3.1. */
export function switchToSpdy(transport: Duplex, head: Buffer, protocol: string): void {
  transport.write(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
      `X-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  )
  if (head.length > 0) transport.unshift(head)
}

import './fast-mask.ts'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

/** Longer messages than this end the connection, in bytes; Kubernetes' own clients send 32 KiB. */
const maxMessageBytes = 16 * 1024 * 1024

/**
 * Answers the upgrade request with a WebSocket of the subprotocol `protocol` (empty: the client named none). Never resolves
 * when the request is not a proper one: `ws` has answered it with an error then.
 */
export function upgradeToWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
): Promise<WebSocket> {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // Text messages may carry bytes: Kubernetes' servers do not look.
    skipUTF8Validation: true,
    maxPayload: maxMessageBytes,
  })
  // `ws` takes no subprotocol with a slash in its name, which SPDY/3.1+portforward.k8s.io has: it never sees them.
  delete request.headers['sec-websocket-protocol']
  if (protocol !== '') server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`))
  return new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve))
}

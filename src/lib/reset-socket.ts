import type { Socket } from 'node:net'

/**
 * Breaks a TCP connection so that the other end learns of it (RST), instead of taking it for a proper end.
 *
 * While a socket is being shut down, which is right after its `end()`, Node's own `resetAndDestroy` fails with EINVAL and
 * leaves the descriptor open for good: libuv refuses (uv_tcp_close_reset), and the handle is never closed. So that is waited
 * for, which takes one turn of the event loop.
 */
export function resetSocket(socket: Socket): void {
  const shuttingDown = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0
  if (shuttingDown && !socket.destroyed) socket.once('finish', () => socket.resetAndDestroy())
  else socket.resetAndDestroy()
}

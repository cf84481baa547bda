/** How long a connection may live without news, and how much it may hold; the same for SPDY and WebSocket. */
export interface TransportLimits {
  /** A connection on which nothing was sent either way for so long is closed, in milliseconds. */
  readonly idleTimeoutMs: number
  /** How often a sign of life is sent, which finds out about clients that vanished, in milliseconds. */
  readonly pingIntervalMs: number
  /** What may wait in memory to be taken, of all that a client sent on a connection, in bytes. */
  readonly inboundBytes: number
  /** How long a client may take to hang up after the end, before this side does, and then again, in milliseconds. */
  readonly lingerMs: { readonly polite: number; readonly final: number }
}

/**
 * Four hours as Kubernetes' DefaultConfig (cri-streaming). After the last word the client gets a moment to hang up by
 * itself: who closes a socket on which data still comes in makes TCP reset it, and the client loses what it had not read.
 */
export const defaultTransportLimits: TransportLimits = {
  idleTimeoutMs: 4 * 60 * 60 * 1000,
  pingIntervalMs: 30_000,
  inboundBytes: 2 * 1024 * 1024,
  lingerMs: { polite: 1000, final: 30_000 },
}

/**
 * A message of ttRPC: length of the body (4 bytes, big-endian), number of the call (4), type (1) and flags (1), then the body.
 * Whoever calls numbers his calls with odd numbers, each greater than the one before.
 */
export const ttrpcHeaderBytes = 10

/** The longest body that either side takes. */
export const maxMessage = 4 * 1024 * 1024

export const messageType = { request: 1, response: 2 } as const

export const ttrpcShape = { headerBytes: ttrpcHeaderBytes, lengthAt: 0, maxBody: maxMessage }

export interface TtrpcHeader {
  readonly call: number
  readonly type: number
}

export function readTtrpcHeader(header: Buffer): TtrpcHeader {
  return { call: header.readUInt32BE(4), type: header.readUInt8(8) }
}

export function ttrpcMessage(call: number, type: number, body: Uint8Array): Buffer {
  const message = Buffer.alloc(ttrpcHeaderBytes + body.length)
  message.writeUInt32BE(body.length, 0)
  message.writeUInt32BE(call, 4)
  message.writeUInt8(type, 8)
  message.set(body, ttrpcHeaderBytes)
  return message
}

/**
 * How gRPC puts a message into a stream of HTTP/2: a byte that tells whether it is compressed, four of its length, the message
 * (grpc/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message").
 */
export const prefixLength = 5

/** A message as it is sent, not compressed. */
export function frameOf(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixLength + message.length)
  writePrefix(frame)
  frame.set(message, prefixLength)
  return frame
}

/** Writes the prefix of the message that is, or will be, in the rest of `frame`. */
export function writePrefix(frame: Buffer): void {
  frame[0] = 0
  frame.writeUInt32BE(frame.length - prefixLength, 1)
}

import http from 'node:http'

/**
 * `ws` masks byte by byte in JavaScript, which is a third of all that a gigabyte of stdin costs over WebSocket, unless
 * node:http brings `websocketMask` and `websocketUnmask`, as Node is going to. Until then these stand in for them, four bytes
 * at a time. To be imported before `ws`.
 */
interface WebSocketMasks {
  websocketMask?: typeof mask
  websocketUnmask?: typeof unmask
}

const masks = http as WebSocketMasks
masks.websocketMask ??= mask
masks.websocketUnmask ??= unmask

/** Writes `length` bytes of `source`, masked, to `output` from `offset` on. */
export function mask(source: Uint8Array, key: Uint8Array, output: Uint8Array, offset: number, length: number): void {
  const target = output.subarray(offset, offset + length)
  target.set(source.subarray(0, length))
  unmask(target, key)
}

/** Masks or unmasks in place: each byte with that of the four of `key` whose turn it is (RFC 6455, section 5.3). */
export function unmask(bytes: Uint8Array, key: Uint8Array): void {
  // Up to where the memory is aligned for words.
  const before = (4 - (bytes.byteOffset & 3)) & 3
  if (bytes.length < before) return unmaskBytes(bytes, key, 0, bytes.length)
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + before, (bytes.length - before) >>> 2)
  const turned = Uint8Array.from({ length: 4 }, (_, i) => key[(before + i) & 3] ?? 0)
  const word = new Uint32Array(turned.buffer)[0] ?? 0
  unmaskBytes(bytes, key, 0, before)
  for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) ^ word
  unmaskBytes(bytes, key, before + words.length * 4, bytes.length)
}

function unmaskBytes(bytes: Uint8Array, key: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to; i++) bytes[i] = (bytes[i] as number) ^ (key[i & 3] as number)
}

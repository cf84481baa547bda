import { operationFailed } from '../../lib/errors.ts'
import { type DbusValue, type DbusVariant, marshal, unmarshal, unmarshalFrom } from './dbus-values.ts'

export const messageType = { call: 1, answer: 2, error: 3, signal: 4 } as const

/** A message of D-Bus ("Message Protocol" in its specification). Which fields there are depends on the type. */
export interface DbusMessage {
  readonly type: number
  /** Its number on this connection, not 0. */
  readonly serial: number
  readonly path?: string
  readonly interface?: string
  readonly member?: string
  readonly errorName?: string
  /** Of an answer or an error: which call it is for. */
  readonly replySerial?: number
  readonly destination?: string
  readonly sender?: string
  readonly signature?: string
  readonly body: readonly DbusValue[]
}

/** The codes and types of the header fields. */
const fields = [
  ['path', 1, 'o'],
  ['interface', 2, 's'],
  ['member', 3, 's'],
  ['errorName', 4, 's'],
  ['replySerial', 5, 'u'],
  ['destination', 6, 's'],
  ['sender', 7, 's'],
  ['signature', 8, 'g'],
] as const

const fixedHeader = 'yyyyuua(yv)'

/** What a message may be long, in bytes; the specification allows 128 MiB, systemd's are some hundred bytes. */
const maxLength = 16 * 1024 * 1024

export function encodeMessage(message: DbusMessage): Buffer {
  const body = marshal(message.signature ?? '', message.body)
  const present = fields.flatMap(([name, code, signature]): [number, DbusVariant][] => {
    const value = message[name]
    return value === undefined ? [] : [[code, { signature, value }]]
  })
  const header = marshal(fixedHeader, [0x6c, message.type, 0, 1, body.length, message.serial, present])
  return Buffer.concat([header, Buffer.alloc(padding(header.length)), body])
}

/** Takes the first message off `bytes`; undefined when it is not all there yet. Throws for what is no message. */
export function decodeMessage(bytes: Buffer): { readonly message: DbusMessage; readonly length: number } | undefined {
  if (bytes.length < 16) return undefined
  const little = bytes[0] === 0x6c
  if (!little && bytes[0] !== 0x42) throw operationFailed('what came from the D-Bus socket is no message')
  const number = (at: number) => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at))
  const headerLength = 16 + number(12)
  const bodyStart = headerLength + padding(headerLength)
  const length = bodyStart + number(4)
  if (length > maxLength) throw operationFailed(`a D-Bus message of ${length} bytes`)
  if (bytes.length < length) return undefined
  const { values } = unmarshalFrom(fixedHeader, bytes.subarray(0, headerLength), little)
  const found = new Map((values[6] as [number, DbusVariant][]).map(([code, { value }]) => [code, value]))
  const named = Object.fromEntries(
    fields.flatMap(([name, code]) => (found.has(code) ? [[name, found.get(code)]] : [])),
  ) as Omit<DbusMessage, 'type' | 'serial' | 'body'>
  const body = unmarshal(named.signature ?? '', bytes.subarray(bodyStart, length), little)
  return { message: { type: Number(values[1]), serial: Number(values[5]), ...named, body }, length }
}

/** What brings a length to a multiple of 8. */
function padding(length: number): number {
  return (8 - (length % 8)) % 8
}

import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { prefixLength, writePrefix } from './grpc/frame.ts'

/**
 * The answer of a list call, encoded: a message that has nothing but one repeated field. The kubelet asks for lists every second,
 * and of what is in them little has changed; each item is encoded once for each state that it is in.
 */
export class EncodedList {
  /** The message as it is sent. */
  readonly frame: Buffer

  /** @param field the number of the repeated field, below 16 */
  constructor(field: number, items: readonly Uint8Array[]) {
    // The wire format of an embedded message: its tag in one byte, its length, its bytes (protobuf.dev, "Encoding").
    const lengths = items.map(({ length }) => length)
    const size = lengths.reduce((sum, length) => sum + 1 + varintSize(length) + length, prefixLength)
    const frame = Buffer.allocUnsafe(size)
    writePrefix(frame)
    let at = prefixLength
    for (const item of items) {
      frame[at++] = (field << 3) | 2
      let rest = item.length
      for (; rest > 0x7f; rest >>>= 7) frame[at++] = (rest & 0x7f) | 0x80
      frame[at++] = rest
      frame.set(item, at)
      at += item.length
    }
    this.frame = frame
  }
}

function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest > 0x7f; rest >>>= 7) size++
  return size
}

/** Encodes items that are made of records, which never change: a change makes a new record. */
export class ItemEncoder<Schema extends DescMessage> {
  readonly #schema: Schema
  readonly #encoded = new WeakMap<object, { readonly dependsOn: string; readonly bytes: Uint8Array }>()

  constructor(schema: Schema) {
    this.#schema = schema
  }

  /** @param dependsOn what beside the record the item is made of */
  encode(record: object, dependsOn: string, make: () => MessageInitShape<Schema>): Uint8Array {
    const known = this.#encoded.get(record)
    if (known?.dependsOn === dependsOn) return known.bytes
    const bytes = toBinary(this.#schema, create(this.#schema, make()))
    this.#encoded.set(record, { dependsOn, bytes })
    return bytes
  }
}

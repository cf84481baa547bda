import { invalidArgument, operationFailed } from '../../lib/errors.ts'

/**
 * The D-Bus wire format for values (D-Bus Specification, "Marshaling"), for all types but file descriptors. A struct and a
 * dict entry are arrays here; 64-bit integers are bigints.
 */
export type DbusValue = number | bigint | boolean | string | DbusVariant | readonly DbusValue[]

/** A value that carries its own type. */
export interface DbusVariant {
  readonly signature: string
  readonly value: DbusValue
}

/** The alignment of each type, in bytes. */
const alignments: Readonly<Record<string, number>> = {
  y: 1,
  b: 4,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  x: 8,
  t: 8,
  d: 8,
  s: 4,
  o: 4,
  g: 1,
  v: 1,
  a: 4,
  '(': 8,
  '{': 8,
}

/** How deep a value may go, as the specification has it: 32 arrays in 32 structs. */
const maxDepth = 64

/** Cuts a signature into its complete types: `sa(sv)u` is `s`, `a(sv)` and `u`. Throws invalid-argument. */
export function completeTypes(signature: string): string[] {
  const types: string[] = []
  for (let at = 0; at < signature.length; ) {
    const end = typeEnd(signature, at)
    types.push(signature.slice(at, end))
    at = end
  }
  return types
}

function typeEnd(signature: string, from: number): number {
  const first = signature[from] ?? ''
  if (first === 'a') return typeEnd(signature, from + 1)
  if (first === '(' || first === '{') {
    const closing = first === '(' ? ')' : '}'
    let at = from + 1
    while (at < signature.length && signature[at] !== closing) at = typeEnd(signature, at)
    if (at < signature.length) return at + 1
  } else if (first in alignments) return from + 1
  throw invalidArgument(`${JSON.stringify(signature)} is not a D-Bus signature`)
}

/** The bytes of values of that signature, in little-endian order, beginning at an offset that is a multiple of 8. */
export function marshal(signature: string, values: readonly DbusValue[]): Buffer {
  const writer = new Writer()
  for (const [index, type] of completeTypes(signature).entries()) writer.write(type, values[index] as DbusValue)
  return writer.bytes
}

/** The values of that signature in bytes that begin at an offset that is a multiple of 8. Throws when they do not fit. */
export function unmarshal(signature: string, bytes: Buffer, littleEndian: boolean): DbusValue[] {
  return unmarshalFrom(signature, bytes, littleEndian).values
}

/** The same, with where the values end. */
export function unmarshalFrom(
  signature: string,
  bytes: Buffer,
  littleEndian: boolean,
): { readonly values: DbusValue[]; readonly end: number } {
  const reader = new Reader(bytes, littleEndian)
  try {
    return { values: completeTypes(signature).map((type) => reader.read(type, 0)), end: reader.at }
  } catch (error) {
    throw operationFailed(`a D-Bus message cannot be read as ${JSON.stringify(signature)}`, error)
  }
}

class Writer {
  #buffer = Buffer.alloc(256)
  #length = 0

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  write(type: string, value: DbusValue): void {
    const kind = type[0] ?? ''
    this.#align(alignments[kind] ?? 1)
    switch (kind) {
      case 'y':
        this.#room(1)[this.#length++] = Number(value)
        break
      case 'n':
      case 'q':
        this.#add(2, (at) => this.#buffer.writeUInt16LE(Number(value) & 0xffff, at))
        break
      case 'b':
      case 'i':
      case 'u':
        this.#add(4, (at) => this.#buffer.writeUInt32LE(Number(value) >>> 0, at))
        break
      case 'x':
      case 't':
        this.#add(8, (at) => this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value as bigint)), at))
        break
      case 'd':
        this.#add(8, (at) => this.#buffer.writeDoubleLE(Number(value), at))
        break
      case 's':
      case 'o':
        this.#text(value as string, 4)
        break
      case 'g':
        this.#text(value as string, 1)
        break
      case 'v':
        this.write('g', (value as DbusVariant).signature)
        this.write((value as DbusVariant).signature, (value as DbusVariant).value)
        break
      case 'a':
        this.#array(type.slice(1), value as readonly DbusValue[])
        break
      default:
        for (const [index, part] of completeTypes(type.slice(1, -1)).entries()) {
          this.write(part, (value as readonly DbusValue[])[index] as DbusValue)
        }
    }
  }

  #array(element: string, values: readonly DbusValue[]): void {
    const lengthAt = this.#length
    this.#add(4, () => {})
    this.#align(alignments[element[0] ?? ''] ?? 1)
    const start = this.#length
    for (const value of values) this.write(element, value)
    this.#buffer.writeUInt32LE(this.#length - start, lengthAt)
  }

  #text(value: string, lengthBytes: 1 | 4): void {
    if (value.includes('\0')) throw invalidArgument('a text for D-Bus has a NUL character')
    const bytes = Buffer.from(value)
    this.#add(lengthBytes, (at) => this.#buffer.writeUIntLE(bytes.length, at, lengthBytes))
    this.#add(bytes.length + 1, (at) => {
      bytes.copy(this.#buffer, at)
      this.#buffer[at + bytes.length] = 0
    })
  }

  #align(to: number): void {
    this.#add((to - (this.#length % to)) % to, () => {})
  }

  #add(count: number, put: (at: number) => void): void {
    this.#room(count)
    put(this.#length)
    this.#length += count
  }

  /** The buffer, with zeroes for `count` more bytes. */
  #room(count: number): Buffer {
    if (this.#length + count > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer], Math.max(this.#buffer.length * 2, this.#length + count))
    }
    return this.#buffer
  }
}

class Reader {
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #little: boolean
  at = 0

  constructor(bytes: Buffer, littleEndian: boolean) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#little = littleEndian
  }

  read(type: string, depth: number): DbusValue {
    if (depth > maxDepth) throw new RangeError('nested too deeply')
    const kind = type[0] ?? ''
    this.#align(alignments[kind] ?? 1)
    switch (kind) {
      case 'y':
        return this.#view.getUint8(this.#skip(1))
      case 'n':
        return this.#view.getInt16(this.#skip(2), this.#little)
      case 'q':
        return this.#view.getUint16(this.#skip(2), this.#little)
      case 'b':
        return this.#view.getUint32(this.#skip(4), this.#little) !== 0
      case 'i':
        return this.#view.getInt32(this.#skip(4), this.#little)
      case 'u':
        return this.#view.getUint32(this.#skip(4), this.#little)
      case 'x':
        return this.#view.getBigInt64(this.#skip(8), this.#little)
      case 't':
        return this.#view.getBigUint64(this.#skip(8), this.#little)
      case 'd':
        return this.#view.getFloat64(this.#skip(8), this.#little)
      case 's':
      case 'o':
        return this.#text(this.#view.getUint32(this.#skip(4), this.#little))
      case 'g':
        return this.#text(this.#view.getUint8(this.#skip(1)))
      case 'v': {
        const signature = this.read('g', depth) as string
        return { signature, value: this.read(signature, depth + 1) }
      }
      case 'a':
        return this.#array(type.slice(1), depth)
      default:
        return completeTypes(type.slice(1, -1)).map((part) => this.read(part, depth + 1))
    }
  }

  #array(element: string, depth: number): DbusValue[] {
    const length = this.#view.getUint32(this.#skip(4), this.#little)
    this.#align(alignments[element[0] ?? ''] ?? 1)
    const end = this.at + length
    if (end > this.#bytes.length) throw new RangeError('an array goes beyond the message')
    const values: DbusValue[] = []
    while (this.at < end) values.push(this.read(element, depth + 1))
    return values
  }

  #text(length: number): string {
    const at = this.#skip(length + 1)
    return this.#bytes.toString('utf8', at, at + length)
  }

  #align(to: number): void {
    this.#skip((to - (this.at % to)) % to)
  }

  /** Where the next `count` bytes are. */
  #skip(count: number): number {
    const at = this.at
    if (at + count > this.#bytes.length) throw new RangeError('the message ends too soon')
    this.at += count
    return at
  }
}

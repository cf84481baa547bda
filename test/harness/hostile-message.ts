import { create, type DescEnum, type DescField, type DescMessage, type Message, ScalarType } from '@bufbuild/protobuf'

/** A sequence of numbers from 0 to 1 that is the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** None of them is the beginning of an id, and none a path on the host that does not exist. */
const strings = [
  '',
  ' ',
  '.',
  '..',
  '/',
  '//',
  '/..',
  '../../../../etc',
  '/proc/self/root',
  '/proc/self/fd/3',
  '/etc/passwd',
  '/dev/null',
  '\0',
  'x\0y',
  'x\ny',
  'x\r\nnameserver 6.6.6.6',
  '\x1b[2J',
  '\ufeff',
  '\u202e',
  '💥',
  '-',
  '--help',
  '$(reboot)',
  '; id',
  '%s%n',
  '{}',
  ':',
  '=',
  ',',
  '*',
  'x=y',
  'null',
  '-1',
  '99999999999999999999',
  'x/y',
  'x.slice',
  '-.slice',
  'localhost/../../etc/passwd',
  'z'.repeat(256),
  'z'.repeat(70_000),
  '__proto__',
  'constructor',
]
const bigs = [0n, 1n, -1n, -2n, 1001n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]
const numbers = [0, 1, -1, -2, 1001, 65_536, 2 ** 31 - 1, -(2 ** 31)]

/** Makes hostile messages of any type, by the description of the wire alone. */
export class HostileMessages {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)] as T
  }

  chance(probability: number): boolean {
    return this.#random() < probability
  }

  /** A message in which every field is left out or hostile. */
  message(type: DescMessage, depth = 0): Message {
    const message = create(type) as Message & Record<string, unknown>
    for (const field of type.fields) {
      if (this.chance(depth > 3 ? 0.2 : 0.6)) message[field.localName] = this.#value(field, depth)
    }
    return message
  }

  /** Makes one field somewhere in a good message hostile; answers its path. */
  spoil(type: DescMessage, message: Message): string {
    const fields = message as Message & Record<string, unknown>
    const field = this.pick(type.fields)
    const inner = fields[field.localName]
    if (field.fieldKind === 'message' && inner && this.chance(0.85)) {
      return `${field.name}.${this.spoil(field.message, inner as Message)}`
    }
    if (field.fieldKind === 'list' && field.listKind === 'message' && this.chance(0.7)) {
      const [first] = inner as Message[]
      if (first) return `${field.name}[0].${this.spoil(field.message, first)}`
    }
    fields[field.localName] = this.#value(field, 1)
    return field.name
  }

  #value(field: DescField, depth: number): unknown {
    switch (field.fieldKind) {
      case 'scalar':
        return this.#scalar(field.scalar)
      case 'enum':
        return this.#enum(field.enum)
      case 'message':
        return this.message(field.message, depth + 1)
      case 'list':
        return Array.from({ length: this.pick([0, 1, 2, 3]) }, () => {
          if (field.listKind === 'message') return this.message(field.message, depth + 1)
          return field.listKind === 'enum' ? this.#enum(field.enum) : this.#scalar(field.scalar)
        })
      case 'map':
        return Object.fromEntries(
          Array.from({ length: this.pick([0, 1, 2]) }, () => {
            const value =
              field.mapKind === 'message'
                ? this.message(field.message, depth + 1)
                : field.mapKind === 'enum'
                  ? this.#enum(field.enum)
                  : this.#scalar(field.scalar)
            return [this.pick(strings), value]
          }),
        )
    }
  }

  #enum(type: DescEnum): number {
    return this.chance(0.5) ? this.pick(type.values).number : this.pick([-1, 99, 2 ** 31 - 1])
  }

  #scalar(type: ScalarType): unknown {
    switch (type) {
      case ScalarType.STRING:
        return this.pick(strings)
      case ScalarType.BYTES:
        return Buffer.from(this.pick(strings))
      case ScalarType.BOOL:
        return this.chance(0.5)
      case ScalarType.INT64:
      case ScalarType.SINT64:
        return this.pick(bigs)
      case ScalarType.UINT64:
        return this.pick(bigs.filter((value) => value >= 0n))
      case ScalarType.UINT32:
        return this.pick(numbers.filter((value) => value >= 0))
      case ScalarType.DOUBLE:
      case ScalarType.FLOAT:
        return this.pick([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e308])
      default:
        return this.pick(numbers)
    }
  }
}

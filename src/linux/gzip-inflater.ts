import { gzipSync } from 'node:zlib'
import koffi, { type KoffiFunc } from 'koffi'
import { addressOf } from './libc.ts'

/** Where the fields of `struct inflate_state` are (igzip_lib.h of ISA-L 2, 64 bits); {@link load} tries whether that is so. */
const field = { nextOut: 0, availOut: 8, nextIn: 16, availIn: 32, blockState: 21160, crcFlag: 21172 } as const
/** More than the structure has. Bytes. */
const stateSize = 128 * 1024
const ISAL_GZIP = 1
const ISAL_BLOCK_FINISH = 5

interface Library {
  readonly init: KoffiFunc<(state: Uint8Array) => void>
  readonly reset: KoffiFunc<(state: Uint8Array) => void>
  readonly inflate: KoffiFunc<(state: Uint8Array) => number>
}

/** Once a thread; null: not there, or not as expected. */
let library: Library | null | undefined

/** Decompresses gzip by Intel's ISA-L (Debian: libisal2), which takes half the time of zlib. */
export class GzipInflater {
  readonly #library: Library
  readonly #state = Buffer.alloc(stateSize)

  private constructor(library: Library) {
    this.#library = library
    library.init(this.#state)
    this.#state.writeUInt32LE(ISAL_GZIP, field.crcFlag)
  }

  /** Undefined where the library is missing. */
  static open(): GzipInflater | undefined {
    library ??= load()
    return library ? new GzipInflater(library) : undefined
  }

  /** A member of the gzip file has ended; {@link restart} goes on with the next. */
  get ended(): boolean {
    return this.#state.readUInt32LE(field.blockState) === ISAL_BLOCK_FINISH
  }

  /**
   * Reads from `input` and writes to `output` until one of the two is used up. Answers the bytes read and written. Throws
   * when the input is no gzip or is damaged.
   */
  inflate(input: Buffer, output: Buffer): { readonly read: number; readonly written: number } {
    this.#state.writeBigUInt64LE(addressOf(output), field.nextOut)
    this.#state.writeUInt32LE(output.length, field.availOut)
    this.#state.writeBigUInt64LE(addressOf(input), field.nextIn)
    this.#state.writeUInt32LE(input.length, field.availIn)
    const result = this.#library.inflate(this.#state)
    if (result < 0) throw new Error(`the gzip data is damaged (ISA-L error ${result})`)
    return {
      read: input.length - this.#state.readUInt32LE(field.availIn),
      written: output.length - this.#state.readUInt32LE(field.availOut),
    }
  }

  /** Makes ready for another member. */
  restart(): void {
    this.#library.reset(this.#state)
    this.#state.writeUInt32LE(ISAL_GZIP, field.crcFlag)
  }
}

function load(): Library | null {
  try {
    const isal = koffi.load('libisal.so.2')
    library = {
      init: isal.func('void isal_inflate_init(void *state)'),
      reset: isal.func('void isal_inflate_reset(void *state)'),
      inflate: isal.func('int isal_inflate(void *state)'),
    }
    return isAsExpected() ? library : null
  } catch {
    return null
  }
}

/** A library of the same name whose structure differs shows it here: two members, the second cut off. */
function isAsExpected(): boolean {
  const text = 'Berth '.repeat(100)
  const member = gzipSync(text)
  const input = Buffer.concat([member, member.subarray(0, -1)])
  const output = Buffer.alloc(2 * text.length)
  const inflater = GzipInflater.open() as GzipInflater
  const first = inflater.inflate(input, output)
  const whole = inflater.ended && first.read === member.length && output.toString('latin1', 0, first.written) === text
  inflater.restart()
  const second = inflater.inflate(input.subarray(first.read), output)
  return whole && !inflater.ended && second.written === text.length
}

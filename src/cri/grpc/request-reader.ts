import { prefixLength } from './frame.ts'
import type { Status } from './status.ts'

/** Puts together the one message of a request. What is refused is refused as soon as it can be told, before it is in memory. */
export class RequestReader {
  readonly #maxBytes: number
  readonly #encoding: string
  /** What has come, or room for all of it with that at its start. */
  #bytes: Buffer = Buffer.alloc(0)
  #received = 0
  /** Of the prefix and the message, in bytes; undefined until the prefix has come. */
  #expected: number | undefined

  /**
   * @param maxBytes how long the message may be
   * @param encoding the `grpc-encoding` of the request
   */
  constructor(maxBytes: number, encoding = 'identity') {
    this.#maxBytes = maxBytes
    this.#encoding = encoding
  }

  /** Takes what has come; answers why the request is refused, if it is. Nothing is to be given to it after that. */
  take(chunk: Buffer): Status | undefined {
    if (this.#expected === undefined) return this.#begin(chunk)
    if (this.#received + chunk.length > this.#expected) return notOneMessage
    // In one piece of memory from the second chunk on, however small the chunks are.
    if (this.#bytes.length < this.#expected) {
      const room = Buffer.allocUnsafe(this.#expected)
      this.#bytes.copy(room)
      this.#bytes = room
    }
    chunk.copy(this.#bytes, this.#received)
    this.#received += chunk.length
    return undefined
  }

  /** The message, when the client has sent all; undefined when that is not the whole of it. */
  end(): Uint8Array | undefined {
    return this.#received === this.#expected ? this.#bytes.subarray(prefixLength) : undefined
  }

  /** Why there is no message at the {@link end}. */
  get missing(): Status {
    return this.#received === 0 ? notOneMessage : internal('the request ends within its message')
  }

  /** Small requests come in one chunk, as it is; the prefix of others may be in several. */
  #begin(chunk: Buffer): Status | undefined {
    this.#bytes = this.#received === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    this.#received = this.#bytes.length
    if (this.#received < prefixLength) return undefined
    if (this.#bytes[0] !== 0) return this.#refusedFlag(this.#bytes[0] ?? 0)
    const length = this.#bytes.readUInt32BE(1)
    this.#expected = prefixLength + length
    if (length > this.#maxBytes) {
      const details = `the request has ${length} bytes, and may have ${this.#maxBytes}`
      return { code: 'RESOURCE_EXHAUSTED', details }
    }
    return this.#received > this.#expected ? notOneMessage : undefined
  }

  #refusedFlag(flag: number): Status {
    if (flag > 1) return internal(`the request's message has the flags ${flag}, which mean nothing`)
    if (this.#encoding === 'identity')
      return internal('the message is marked as compressed, but grpc-encoding says it is not')
    const details = `messages compressed with ${this.#encoding} are not taken; send them as they are`
    return { code: 'UNIMPLEMENTED', details }
  }
}

const notOneMessage: Status = { code: 'UNIMPLEMENTED', details: 'a request of this method has exactly one message' }

function internal(details: string): Status {
  return { code: 'INTERNAL', details }
}

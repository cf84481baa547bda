import { prefixLength } from './frame.ts'
import type { Status } from './status.ts'

/** Puts together the one message of a request. What is refused is refused as soon as it can be told, before it is in memory. */
export class RequestReader {
  readonly #maxBytes: number
  readonly #encoding: string
  #chunks: Buffer[] = []
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
    this.#chunks.push(chunk)
    this.#received += chunk.length
    if (this.#expected === undefined) {
      if (this.#received < prefixLength) return undefined
      const refused = this.#readPrefix(this.#whole())
      if (refused) return refused
    }
    return this.#received > (this.#expected ?? 0) ? notOneMessage : undefined
  }

  /** The message, when the client has sent all; undefined when that is not the whole of it. */
  end(): Uint8Array | undefined {
    return this.#received === this.#expected ? this.#whole().subarray(prefixLength) : undefined
  }

  /** Why there is no message at the {@link end}. */
  get missing(): Status {
    return this.#received === 0 ? notOneMessage : internal('the request ends within its message')
  }

  #readPrefix(start: Buffer): Status | undefined {
    if (start[0] !== 0) return this.#refusedFlag(start[0] ?? 0)
    const length = start.readUInt32BE(1)
    this.#expected = prefixLength + length
    if (length <= this.#maxBytes) return undefined
    const details = `the request has ${length} bytes, and may have ${this.#maxBytes}`
    return { code: 'RESOURCE_EXHAUSTED', details }
  }

  #refusedFlag(flag: number): Status {
    if (flag > 1) return internal(`the request's message has the flags ${flag}, which mean nothing`)
    if (this.#encoding === 'identity')
      return internal('the message is marked as compressed, but grpc-encoding says it is not')
    const details = `messages compressed with ${this.#encoding} are not taken; send them as they are`
    return { code: 'UNIMPLEMENTED', details }
  }

  #whole(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }
}

const notOneMessage: Status = { code: 'UNIMPLEMENTED', details: 'a request of this method has exactly one message' }

function internal(details: string): Status {
  return { code: 'INTERNAL', details }
}

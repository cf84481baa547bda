import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import { RequestSchema, type Response, ResponseSchema } from '../../gen/ttrpc_pb.ts'
import { afterSilence } from '../../lib/silence.ts'
import { FrameReader } from './frame-reader.ts'
import { maxMessage, messageType, readTtrpcHeader, ttrpcMessage, ttrpcShape } from './ttrpc-frame.ts'

/** What came of a call. `code` is a gRPC status code; `lost`: there was no answer in time, or there will never be one. */
export type Answer<T> =
  | { readonly kind: 'answered'; readonly value: T }
  | { readonly kind: 'refused'; readonly code: number; readonly message: string }
  | { readonly kind: 'lost'; readonly reason: string }

/** Calls the service at the other end of a logical connection. */
export class TtrpcClient {
  readonly #send: (message: Buffer) => void
  readonly #calls = new Map<number, (answer: Answer<Uint8Array>) => void>()
  readonly #reader = new FrameReader(ttrpcShape, (header, body) => this.#receive(header, body))
  #next = 1
  #closed: string | undefined

  constructor(send: (message: Buffer) => void) {
    this.#send = send
  }

  /** To be given every piece that comes; throws for what is not ttRPC. */
  push(piece: Buffer): void {
    this.#reader.push(piece)
  }

  /** Never throws: what went wrong is in the answer. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    timeoutMs: number,
  ): Promise<Answer<MessageShape<O>>> {
    const payload = toBinary(method.input, create(method.input, request))
    const answer = await this.#call(method.parent.typeName, method.name, payload, timeoutMs)
    if (answer.kind !== 'answered') return answer
    try {
      return { kind: 'answered', value: fromBinary(method.output, answer.value) }
    } catch (error) {
      return { kind: 'lost', reason: `its answer to ${method.name} is no ${method.output.name}: ${String(error)}` }
    }
  }

  /** No answer will come any more. */
  close(reason: string): void {
    this.#closed ??= reason
    for (const settle of this.#calls.values()) settle({ kind: 'lost', reason })
    this.#calls.clear()
  }

  #call(service: string, method: string, payload: Uint8Array, timeoutMs: number): Promise<Answer<Uint8Array>> {
    if (this.#closed !== undefined) return Promise.resolve({ kind: 'lost', reason: this.#closed })
    const timeoutNano = BigInt(timeoutMs) * 1_000_000n
    const body = toBinary(RequestSchema, create(RequestSchema, { service, method, payload, timeoutNano }))
    if (body.length > maxMessage) {
      const message = `the request has ${body.length} bytes, and at most ${maxMessage} can be sent`
      return Promise.resolve({ kind: 'refused', code: 8, message })
    }
    const call = this.#next
    this.#next += 2
    const { promise, resolve } = Promise.withResolvers<Answer<Uint8Array>>()
    const late = afterSilence(timeoutMs, () => {
      this.#calls.delete(call)
      resolve({ kind: 'lost', reason: `it has not answered ${method} for ${timeoutMs} ms` })
    })
    this.#calls.set(call, (answer) => {
      late[Symbol.dispose]()
      resolve(answer)
    })
    this.#send(ttrpcMessage(call, messageType.request, body))
    return promise
  }

  #receive(header: Buffer, body: Buffer): void {
    const { call, type } = readTtrpcHeader(header)
    const settle = this.#calls.get(call)
    if (type !== messageType.response) throw new Error(`a message of type ${type} where an answer is due`)
    if (!settle) throw new Error(`an answer to the call ${call}, which was not made`)
    const { status, payload } = decoded(body)
    this.#calls.delete(call)
    if (!status || status.code === 0) settle({ kind: 'answered', value: payload })
    else settle({ kind: 'refused', code: status.code, message: status.message })
  }
}

function decoded(body: Buffer): Response {
  try {
    return fromBinary(ResponseSchema, body)
  } catch {
    throw new Error('an answer that is not one')
  }
}

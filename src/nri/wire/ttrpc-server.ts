import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type Request, RequestSchema, ResponseSchema } from '../../gen/ttrpc_pb.ts'
import { messageOf } from '../../lib/errors.ts'
import { FrameReader } from './frame-reader.ts'
import { messageType, readTtrpcHeader, ttrpcMessage, ttrpcShape } from './ttrpc-frame.ts'

/** Answers a call: the encoded request in, the encoded response out. What it throws is the caller's answer. */
export type Method = (payload: Uint8Array) => Promise<Uint8Array> | Uint8Array

/** How many calls one caller may have under way. */
const maxUnderWay = 64

const unknownCode = 2
const unimplementedCode = 12

/** Serves the methods of one service on a logical connection. */
export class TtrpcServer {
  readonly #service: string
  readonly #methods: ReadonlyMap<string, Method>
  readonly #send: (message: Buffer) => void
  readonly #reader = new FrameReader(ttrpcShape, (header, body) => this.#receive(header, body))
  #underWay = 0
  #last = 0

  constructor(service: string, methods: Readonly<Record<string, Method>>, send: (message: Buffer) => void) {
    this.#service = service
    this.#methods = new Map(Object.entries(methods))
    this.#send = send
  }

  /** To be given every piece that comes; throws for what is not ttRPC, and for a flood of calls. */
  push(piece: Buffer): void {
    this.#reader.push(piece)
  }

  #receive(header: Buffer, body: Buffer): void {
    const { call, type } = readTtrpcHeader(header)
    if (type !== messageType.request) throw new Error(`a message of type ${type} where a call is due`)
    if (call % 2 === 0 || call <= this.#last) throw new Error(`a call numbered ${call} after ${this.#last}`)
    this.#last = call
    if (this.#underWay >= maxUnderWay) throw new Error(`more than ${maxUnderWay} calls at once`)
    this.#underWay++
    void this.#answer(call, decoded(body)).finally(() => this.#underWay--)
  }

  async #answer(call: number, { service, method, payload }: Request): Promise<void> {
    const serve = service === this.#service ? this.#methods.get(method) : undefined
    if (!serve) return this.#respond(call, { status: { code: unimplementedCode, message: `no ${service}/${method}` } })
    try {
      this.#respond(call, { payload: await serve(payload) })
    } catch (error) {
      this.#respond(call, { status: { code: unknownCode, message: messageOf(error) } })
    }
  }

  #respond(call: number, response: { payload?: Uint8Array; status?: { code: number; message: string } }): void {
    const body = toBinary(ResponseSchema, create(ResponseSchema, response))
    this.#send(ttrpcMessage(call, messageType.response, body))
  }
}

function decoded(body: Buffer): Request {
  try {
    return fromBinary(RequestSchema, body)
  } catch {
    throw new Error('a call that is not one')
  }
}

import { Buffer } from 'node:buffer'
import { protocolError } from './errors.ts'
import { type ControlFrame, controlTypes, flagFin, flagUnidirectional } from './frames.ts'
import { HeaderReader } from './header-block.ts'

/** Larger control frames than these end the connection, in bytes; those of Kubernetes' clients have some hundred. */
const maxControlBytes = 16 * 1024

/** Where a parser puts what it reads. */
export interface FrameSink {
  control(frame: ControlFrame): void
  /** A piece of a data frame, perhaps empty; `fin` with the last piece of the last frame of the stream. */
  data(streamId: number, piece: Buffer, fin: boolean): void
}

/** What the parser is in the middle of; `left` is in bytes. */
type Part =
  | { readonly kind: 'head'; readonly bytes: Buffer; left: number }
  | { readonly kind: 'control'; readonly type: number; readonly flags: number; readonly bytes: Buffer; left: number }
  | { readonly kind: 'data'; readonly streamId: number; readonly fin: boolean; left: number }
  /** A control frame of a kind that SPDY/3 does not have: to be ignored (section 2.2.1). */
  | { readonly kind: 'unknown'; left: number }

/** Cuts the bytes of a connection into frames, as they come; holds no more than one control frame. */
export class FrameParser {
  readonly #sink: FrameSink
  readonly #headers = new HeaderReader()
  #part: Part = newHead()
  #stopped = false

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** Throws invalid-argument when the bytes are not SPDY/3; then nothing more may be pushed. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#stopped) {
      const piece = chunk.subarray(at, at + this.#part.left)
      at += piece.length
      this.#take(this.#part, piece)
    }
  }

  /** Nothing more goes to the sink, also not the rest of the chunk being parsed. */
  stop(): void {
    this.#stopped = true
  }

  #take(part: Part, piece: Buffer): void {
    if (part.kind === 'head' || part.kind === 'control') piece.copy(part.bytes, part.bytes.length - part.left)
    part.left -= piece.length
    const whole = part.left === 0
    if (part.kind === 'data') {
      if (whole) this.#part = newHead()
      this.#sink.data(part.streamId, piece, whole && part.fin)
    } else if (whole) {
      this.#part = newHead()
      if (part.kind === 'head') this.#startFrame(part.bytes)
      else if (part.kind === 'control') this.#readControl(part.type, part.flags, part.bytes)
    }
  }

  #startFrame(head: Buffer): void {
    const first = head.readUInt32BE(0)
    const flags = head.readUInt8(4)
    const length = head.readUIntBE(5, 3)
    if (first < 0x80000000) {
      const fin = (flags & flagFin) !== 0
      if (length > 0) this.#part = { kind: 'data', streamId: first, fin, left: length }
      else this.#sink.data(first, emptyPayload, fin)
      return
    }
    const version = (first >>> 16) & 0x7fff
    const type = first & 0xffff
    if (version !== 3) throw protocolError(`a frame of version ${version}`)
    if (!knownTypes.has(type)) {
      if (length > 0) this.#part = { kind: 'unknown', left: length }
      return
    }
    if (length > maxControlBytes) throw protocolError(`a control frame of ${length} bytes`)
    if (length < 4) throw protocolError(`a frame of type ${type} with ${length} bytes`)
    this.#part = { kind: 'control', type, flags, bytes: Buffer.alloc(length), left: length }
  }

  #readControl(type: number, flags: number, body: Buffer): void {
    const fin = (flags & flagFin) !== 0
    const first = body.readUInt32BE(0)
    const streamId = first & 0x7fffffff
    switch (type) {
      case controlTypes.synStream: {
        if (body.length < 10) throw protocolError('a SYN_STREAM frame that is too short')
        const headers = this.#headers.read(body.subarray(10))
        const unidirectional = (flags & flagUnidirectional) !== 0
        return this.#sink.control({ type: 'syn-stream', streamId, headers, fin, unidirectional })
      }
      case controlTypes.synReply:
        return this.#sink.control({ type: 'syn-reply', streamId, headers: this.#headers.read(body.subarray(4)), fin })
      case controlTypes.headers:
        return this.#sink.control({ type: 'headers', streamId, headers: this.#headers.read(body.subarray(4)), fin })
      case controlTypes.rstStream:
        return this.#sink.control({ type: 'rst-stream', streamId, status: second(body, 'RST_STREAM') })
      case controlTypes.goaway:
        return this.#sink.control({ type: 'goaway', lastStreamId: streamId, status: second(body, 'GOAWAY') })
      case controlTypes.windowUpdate: {
        const delta = second(body, 'WINDOW_UPDATE') & 0x7fffffff
        return this.#sink.control({ type: 'window-update', streamId, delta })
      }
      case controlTypes.ping:
        if (body.length !== 4) throw protocolError('a PING frame of the wrong length')
        return this.#sink.control({ type: 'ping', id: first })
      case controlTypes.settings:
        if (body.length !== 4 + first * 8) throw protocolError('a SETTINGS frame of the wrong length')
        return this.#sink.control({ type: 'settings', values: readSettings(body.subarray(4)) })
    }
  }
}

const knownTypes: ReadonlySet<number> = new Set(Object.values(controlTypes))
const emptyPayload = Buffer.alloc(0)

function newHead(): Part {
  return { kind: 'head', bytes: Buffer.alloc(8), left: 8 }
}

/** The second and last word of a frame that has two. */
function second(body: Buffer, name: string): number {
  if (body.length !== 8) throw protocolError(`a ${name} frame of the wrong length`)
  return body.readUInt32BE(4)
}

function readSettings(body: Buffer): { readonly id: number; readonly value: number }[] {
  const values = []
  for (let at = 0; at < body.length; at += 8) {
    values.push({ id: body.readUIntBE(at + 1, 3), value: body.readUInt32BE(at + 4) })
  }
  return values
}

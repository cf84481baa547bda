import { Buffer } from 'node:buffer'
import { controlTypes, flagFin, type SpdyHeaders } from './frames.ts'
import { HeaderWriter } from './header-block.ts'

/** The frames that are sent, as bytes. One a connection: header blocks depend on those before them. */
export class FrameWriter {
  readonly #headers = new HeaderWriter()

  /** A stream of the highest priority that no other one belongs to. */
  synStream(streamId: number, headers: SpdyHeaders): Buffer {
    const body = [words(streamId, 0), Buffer.alloc(2), this.#headers.write(headers)]
    return control(controlTypes.synStream, Buffer.concat(body))
  }

  synReply(streamId: number, headers: SpdyHeaders = new Map()): Buffer {
    return control(controlTypes.synReply, Buffer.concat([words(streamId), this.#headers.write(headers)]))
  }

  rstStream(streamId: number, status: number): Buffer {
    return control(controlTypes.rstStream, words(streamId, status))
  }

  ping(id: number): Buffer {
    return control(controlTypes.ping, words(id))
  }

  goaway(lastStreamId: number, status: number): Buffer {
    return control(controlTypes.goaway, words(lastStreamId, status))
  }

  windowUpdate(streamId: number, delta: number): Buffer {
    return control(controlTypes.windowUpdate, words(streamId, delta))
  }

  /** What goes before `length` bytes of data, at most 2^24 - 1. */
  dataHead(streamId: number, length: number, fin: boolean): Buffer {
    const head = Buffer.allocUnsafe(8)
    head.writeUInt32BE(streamId, 0)
    head.writeUInt8(fin ? flagFin : 0, 4)
    head.writeUIntBE(length, 5, 3)
    return head
  }
}

function control(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt32BE((0x80030000 | type) >>> 0, 0)
  head.writeUIntBE(body.length, 5, 3)
  return Buffer.concat([head, body])
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, i) => bytes.writeUInt32BE(value, i * 4))
  return bytes
}

import type { Duplex } from 'node:stream'
import { FrameReader } from './frame-reader.ts'
import { maxMessage, ttrpcHeaderBytes } from './ttrpc-frame.ts'

/** The two logical connections of a plugin: on the first it serves, on the second Berth does. */
export const pluginConnection = 1
export const runtimeConnection = 2

const headerBytes = 8

/** The longest piece of a connection in one frame, as every plugin takes it. */
const maxPiece = ttrpcHeaderBytes + maxMessage

/**
 * The stub of plugins reads with a buffer of this size, and fails on a frame that does not fit into what it asks for: a longer
 * message must come as a frame of just this size and one with all the rest.
 */
const firstPiece = 4096

/** Beyond this many bytes that a plugin has not read, it is taken to be stuck. */
const maxUnread = 16 * 1024 * 1024

/**
 * Several logical connections over one stream: each frame has the number of its connection and its length, both 32 bits
 * big-endian, and then bytes of that connection. Once the stream has ended, or what comes makes no sense, `onEnd` is called,
 * once.
 */
export class Mux {
  readonly #stream: Duplex
  readonly #onEnd: (reason: string) => void
  readonly #connections = new Map<number, (piece: Buffer) => void>()
  #ended = false

  constructor(stream: Duplex, onEnd: (reason: string) => void) {
    this.#stream = stream
    this.#onEnd = onEnd
    const reader = new FrameReader({ headerBytes, lengthAt: 4, maxBody: maxPiece }, (header, body) => {
      const id = header.readUInt32BE(0)
      const connection = this.#connections.get(id)
      if (!connection) throw new Error(`there is no connection ${id}`)
      if (body.length === 0) throw new Error('an empty frame')
      connection(body)
    })
    stream.on('data', (piece: Buffer) => {
      if (this.#ended) return
      try {
        reader.push(piece)
      } catch (error) {
        this.end(`it does not keep to the protocol: ${error instanceof Error ? error.message : error}`)
      }
    })
    stream.once('error', (error) => this.end(error.message))
    stream.once('close', () => this.end('it has closed the connection'))
  }

  /** Every piece that comes for the connection `id` goes to `receive`. What that throws ends everything. */
  open(id: number, receive: (piece: Buffer) => void): void {
    this.#connections.set(id, receive)
  }

  /** Sends a whole message on a connection. */
  send(id: number, message: Buffer): void {
    if (this.#ended) return
    this.#sendPiece(id, message.subarray(0, firstPiece))
    if (message.length > firstPiece) this.#sendPiece(id, message.subarray(firstPiece))
    if (this.#stream.writableLength > maxUnread) this.end('it does not read what it is sent')
  }

  #sendPiece(id: number, piece: Buffer): void {
    const header = Buffer.alloc(headerBytes)
    header.writeUInt32BE(id, 0)
    header.writeUInt32BE(piece.length, 4)
    this.#stream.write(Buffer.concat([header, piece]))
  }

  end(reason: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#stream.destroy()
    this.#onEnd(reason)
  }
}

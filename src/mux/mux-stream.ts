import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import type { InboundBudget } from './inbound-budget.ts'

/** How a stream reaches the connection that it is one of. */
export interface MuxLink {
  /** Sends; `done` when the transport has taken it, with an error when it can't be sent any more. */
  write(data: Buffer, done: (error?: Error | null) => void): void
  /** Tells the peer that nothing more comes from here. */
  end(done: (error?: Error | null) => void): void
  /** The reader took so many bytes: the peer may send as many more. */
  taken(bytes: number): void
  /** The stream is over. `broken` when this side gave up before both sides had ended, and the peer is to know. */
  closed(broken: boolean): void
}

/** What the reader's side holds beyond the connection's budget, and what waits to be sent, in bytes a stream. */
const readableHighWaterMark = 16 * 1024
const writableHighWaterMark = 64 * 1024

/** One of the streams that share a connection (a SPDY stream, a WebSocket channel), with Node's backpressure both ways. */
export class MuxStream extends Duplex {
  readonly #link: MuxLink
  readonly #budget: InboundBudget
  #incoming: Buffer[] = []
  #remoteEnded = false
  #cutOff = false
  #endPushed = false
  #wanted = false
  #lost = false

  constructor(link: MuxLink, budget: InboundBudget) {
    super({ readableHighWaterMark, writableHighWaterMark })
    this.#link = link
    this.#budget = budget
    // A stream that nobody listens to must not bring the process down; who uses it sees 'close' and `gone`.
    this.on('error', () => {})
  }

  /** The peer has said that it sends no more. */
  get remoteEnded(): boolean {
    return this.#remoteEnded
  }

  /** The connection ended before the peer said that it sends no more: what was read may not be all. */
  get cutOff(): boolean {
    return this.#cutOff
  }

  /** For the connection: data that came from the peer. */
  receive(piece: Buffer): void {
    if (this.destroyed || this.#remoteEnded || piece.length === 0) return
    // A small piece must not keep the whole of the read that it came with.
    const own = piece.length * 4 < piece.buffer.byteLength ? Buffer.from(piece) : piece
    this.#incoming.push(own)
    this.#budget.add(own)
    if (this.#wanted) this.#deliver()
  }

  /** For the connection: the peer has closed its half. */
  receiveEnd(): void {
    this.#remoteEnded = true
    if (this.#wanted) this.#deliver()
  }

  /** For the connection: it has ended. What came before can still be read. */
  receiveCut(): void {
    if (this.#remoteEnded) return
    this.#cutOff = true
    this.receiveEnd()
  }

  /** For the connection: the peer has reset the stream, or is gone. Nobody is told; what was not read yet is dropped. */
  lose(): void {
    this.#lost = true
    this.destroy()
  }

  override _read(): void {
    this.#deliver()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#link.write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#link.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#link.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    for (const piece of this.#incoming) this.#budget.remove(piece)
    this.#incoming = []
    this.#link.closed(!this.#lost && !(this.#remoteEnded && this.writableFinished))
    done(error)
  }

  #deliver(): void {
    this.#wanted = false
    for (let piece = this.#incoming.shift(); piece; piece = this.#incoming.shift()) {
      this.#budget.remove(piece)
      this.#link.taken(piece.length)
      if (!this.push(piece)) return
    }
    if (!this.#remoteEnded) {
      this.#wanted = true
    } else if (!this.#endPushed) {
      this.#endPushed = true
      this.push(null)
    }
  }
}

import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { cancelled, messageOf } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { IdleTimer } from '../idle-timer.ts'
import { InboundBudget } from '../inbound-budget.ts'
import { MuxStream } from '../mux-stream.ts'
import type { TransportLimits } from '../transport-limits.ts'
import { protocolError } from './errors.ts'
import { FrameParser } from './frame-parser.ts'
import { FrameWriter } from './frame-writer.ts'
import {
  type ControlFrame,
  defaultWindow,
  goawayStatus,
  resetStatus,
  type SpdyHeaders,
  settingInitialWindow,
} from './frames.ts'
import { SendWindows, type StreamWindow } from './send-windows.ts'

/** Data goes out in frames of at most this, in bytes: another stream's turn comes soon. */
const maxDataFrame = 64 * 1024
/** Data frames smaller than this are copied behind their head, which is cheaper than two writes. */
const smallFrame = 4 * 1024
/** Control frames that the client does not take; with more than this, nothing more is read from it. In bytes. */
const maxControlBacklog = 64 * 1024

/** A stream that the client opened. */
export interface IncomingStream {
  readonly id: number
  readonly headers: SpdyHeaders
  readonly stream: MuxStream
}

export interface SpdyOptions {
  readonly limits: TransportLimits
  /** More streams at once than these are refused. */
  readonly maxStreams: number
  readonly log: Logger
  /** Whether a stream with these headers is wanted; if not, it is refused. */
  accept(headers: SpdyHeaders, id: number): boolean
  /** Takes a stream that was accepted; its reply is already under way. */
  stream(incoming: IncomingStream): void
}

interface Live {
  readonly id: number
  readonly stream: MuxStream
  readonly window: StreamWindow
  /** What was read and not yet given back to the client's window, in bytes. */
  unacknowledged: number
}

/**
 * The server's end of a SPDY/3.1 connection over any stream of bytes (TCP, TLS, a WebSocket tunnel). Sends nothing before
 * the client has: Go's clients lose what comes together with the 101 response.
 */
export class SpdyConnection {
  readonly #transport: Duplex
  readonly #options: SpdyOptions
  readonly #writer = new FrameWriter()
  readonly #parser: FrameParser
  readonly #live = new Map<number, Live>()
  readonly #windows = new SendWindows()
  readonly #budget: InboundBudget
  readonly #idle: IdleTimer
  readonly #pings: NodeJS.Timeout
  readonly #gone = new AbortController()
  readonly #closed = Promise.withResolvers<void>()
  #lastId = 0
  #unacknowledged = 0
  #controlBacklog = 0
  #nextPing = 2
  #clientGoesAway = false
  #closing: Promise<void> | undefined

  constructor(transport: Duplex, options: SpdyOptions) {
    this.#transport = transport
    this.#options = options
    this.#parser = new FrameParser({
      control: (frame) => this.#control(frame),
      data: (streamId, piece, fin) => this.#data(streamId, piece, fin),
    })
    this.#budget = new InboundBudget(options.limits.inboundBytes, () => this.#adjustReading())
    this.#idle = new IdleTimer(options.limits.idleTimeoutMs, () => {
      options.log.info({}, 'a streaming session was idle for too long')
      void this.close()
    })
    this.#pings = setInterval(() => this.#ping(), options.limits.pingIntervalMs).unref()
    transport.on('data', (chunk: Buffer) => this.#receive(chunk))
    transport.on('end', () => transport.destroy())
    transport.on('error', (error) => options.log.debug({ error: messageOf(error) }, 'a streaming connection broke'))
    transport.on('close', () => this.#lost())
    if (transport.destroyed) this.#lost()
  }

  /** Aborts when the client has gone, or this side has closed: nothing can be sent any more. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Resolves when the transport is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /**
   * Says GOAWAY after all that was written before, and hangs up; the streams are over. Resolves when the client's side of
   * the transport has taken all of it, or is gone. Never rejects.
   */
  close(status: number = goawayStatus.ok): Promise<void> {
    if (!this.#closing) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#closing = promise
      void this.#close(status).then(resolve)
    }
    return this.#closing
  }

  /** Hangs up at once. */
  destroy(): void {
    this.#transport.destroy()
  }

  async #close(status: number): Promise<void> {
    this.#parser.stop()
    if (this.#transport.destroyed) return
    this.#loseStreams()
    this.#transport.resume()
    const { polite, final } = this.#options.limits.lingerMs
    const impatient = setTimeout(() => this.#transport.end(), polite)
    const done = setTimeout(() => this.#transport.destroy(), polite + final)
    void this.closed.then(() => {
      clearTimeout(impatient)
      clearTimeout(done)
    })
    await new Promise<void>((resolve) => {
      this.#transport.write(this.#writer.goaway(this.#lastId, status), () => resolve())
      this.#transport.once('close', resolve)
    })
  }

  #lost(): void {
    this.#parser.stop()
    clearInterval(this.#pings)
    this.#idle.stop()
    this.#loseStreams()
    this.#closed.resolve()
  }

  #loseStreams(): void {
    this.#gone.abort()
    for (const { stream } of [...this.#live.values()]) stream.lose()
  }

  #receive(chunk: Buffer): void {
    if (this.#closing) return
    try {
      this.#parser.push(chunk)
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'a streaming client broke the protocol')
      void this.close(goawayStatus.protocolError)
    }
  }

  #control(frame: ControlFrame): void {
    if (frame.type !== 'ping' || frame.id % 2 === 1) this.#idle.touch()
    switch (frame.type) {
      case 'syn-stream':
        return this.#open(frame)
      case 'rst-stream':
        this.#live.get(frame.streamId)?.stream.lose()
        return this.#closeWhenDone()
      case 'headers':
        if (frame.fin) this.#live.get(frame.streamId)?.stream.receiveEnd()
        return
      case 'ping':
        // Even ids are this side's own, coming back.
        if (frame.id % 2 === 1) this.#sendControl(this.#writer.ping(frame.id))
        return
      case 'goaway':
        this.#clientGoesAway = true
        return this.#closeWhenDone()
      case 'window-update':
        return this.#widen(frame.streamId, frame.delta)
      case 'settings': {
        const window = frame.values.findLast(({ id }) => id === settingInitialWindow)
        if (window) this.#windows.setInitial(window.value & 0x7fffffff)
        return
      }
      case 'syn-reply':
        // This side opens no streams.
        return this.#reset(frame.streamId, resetStatus.invalidStream)
      default:
        frame satisfies never
    }
  }

  #open(frame: Extract<ControlFrame, { type: 'syn-stream' }>): void {
    const { streamId: id, headers } = frame
    if (id % 2 === 0 || id <= this.#lastId) throw protocolError(`a stream of id ${id} after ${this.#lastId}`)
    this.#lastId = id
    const wanted = !this.#clientGoesAway && this.#live.size < this.#options.maxStreams
    if (!wanted || frame.unidirectional || !this.#options.accept(headers, id)) {
      return this.#reset(id, resetStatus.refusedStream)
    }
    const window = this.#windows.open()
    const stream = new MuxStream(
      {
        write: (data, done) => this.#sendData(live, data, done),
        end: (done) => this.#sendEnd(live, done),
        taken: (bytes) => this.#acknowledge(live, bytes),
        closed: (broken) => this.#forget(live, broken),
      },
      this.#budget,
    )
    const live: Live = { id, stream, window, unacknowledged: 0 }
    this.#live.set(id, live)
    this.#sendControl(this.#writer.synReply(id))
    if (frame.fin) stream.receiveEnd()
    this.#options.stream({ id, headers, stream })
  }

  #data(streamId: number, piece: Buffer, fin: boolean): void {
    this.#idle.touch()
    const live = this.#live.get(streamId)
    if (!live || live.stream.remoteEnded) {
      this.#acknowledge(undefined, piece.length)
      // What was under way when this side reset the stream is of no harm; anything else is.
      if (live) this.#reset(streamId, resetStatus.streamAlreadyClosed, live)
      else if (streamId === 0 || streamId > this.#lastId)
        throw protocolError(`data on stream ${streamId}, never opened`)
      return
    }
    live.stream.receive(piece)
    if (fin) live.stream.receiveEnd()
  }

  #sendData(live: Live, data: Buffer, done: (error?: Error | null) => void): void {
    let at = 0
    const send = () => {
      if (this.#closing || live.stream.destroyed || this.#transport.destroyed) return done(streamGone())
      while (at < data.length) {
        const size = Math.min(data.length - at, maxDataFrame, this.#windows.allowance(live.window))
        if (size <= 0) return this.#windows.wait(live.window, send)
        this.#windows.spend(live.window, size)
        const piece = data.subarray(at, at + size)
        at += size
        this.#writeData(live.id, piece, at === data.length ? done : undefined)
      }
    }
    if (data.length === 0) done()
    else send()
  }

  #writeData(id: number, piece: Buffer, done: ((error?: Error | null) => void) | undefined): void {
    this.#idle.touch()
    const head = this.#writer.dataHead(id, piece.length, false)
    if (piece.length <= smallFrame) {
      this.#transport.write(Buffer.concat([head, piece]), done)
      return
    }
    this.#transport.cork()
    this.#transport.write(head)
    this.#transport.write(piece, done)
    this.#transport.uncork()
  }

  #sendEnd(live: Live, done: (error?: Error | null) => void): void {
    if (this.#closing || this.#transport.destroyed) return done(streamGone())
    this.#transport.write(this.#writer.dataHead(live.id, 0, true), done)
  }

  /** Gives back what was read to the client's windows, in portions of half a window. */
  #acknowledge(live: Live | undefined, bytes: number): void {
    if (live) {
      live.unacknowledged += bytes
      if (live.unacknowledged >= defaultWindow / 2 && !live.stream.remoteEnded) {
        this.#sendControl(this.#writer.windowUpdate(live.id, live.unacknowledged))
        live.unacknowledged = 0
      }
    }
    this.#unacknowledged += bytes
    if (this.#unacknowledged >= defaultWindow / 2) {
      this.#sendControl(this.#writer.windowUpdate(0, this.#unacknowledged))
      this.#unacknowledged = 0
    }
  }

  #widen(streamId: number, delta: number): void {
    if (streamId === 0) return this.#windows.updateSession(delta)
    const live = this.#live.get(streamId)
    if (live) this.#windows.updateStream(live.window, delta)
  }

  #reset(id: number, status: number, live?: Live): void {
    this.#sendControl(this.#writer.rstStream(id, status))
    live?.stream.lose()
  }

  #forget(live: Live, broken: boolean): void {
    this.#live.delete(live.id)
    this.#windows.close(live.window)
    if (broken) this.#sendControl(this.#writer.rstStream(live.id, resetStatus.cancel))
    this.#closeWhenDone()
  }

  #closeWhenDone(): void {
    if (this.#clientGoesAway && this.#live.size === 0) void this.close()
  }

  #ping(): void {
    if (this.#lastId === 0) return
    this.#sendControl(this.#writer.ping(this.#nextPing))
    this.#nextPing = this.#nextPing > 0x7ffffff0 ? 2 : this.#nextPing + 2
  }

  #sendControl(frame: Buffer): void {
    if (this.#closing || this.#transport.destroyed) return
    this.#controlBacklog += frame.length
    if (this.#controlBacklog >= maxControlBacklog) this.#adjustReading()
    this.#transport.write(frame, () => {
      this.#controlBacklog -= frame.length
      this.#adjustReading()
    })
  }

  #adjustReading(): void {
    if (this.#closing) return
    const read = !this.#budget.full && this.#controlBacklog < maxControlBacklog
    if (read && this.#transport.isPaused()) this.#transport.resume()
    if (!read && !this.#transport.isPaused()) this.#transport.pause()
  }
}

const streamGone = () => cancelled('the streaming client has gone')

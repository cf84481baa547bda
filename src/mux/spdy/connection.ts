import { Buffer } from 'node:buffer'
import type { Duplex } from 'node:stream'
import { cancelled, messageOf, unavailable } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { IdleTimer } from '../idle-timer.ts'
import { InboundBudget } from '../inbound-budget.ts'
import { MuxStream } from '../mux-stream.ts'
import type { TransportLimits } from '../transport-limits.ts'
import { protocolError } from './errors.ts'
import { FrameParser } from './frame-parser.ts'
import { FrameWriter } from './frame-writer.ts'
import { type ControlFrame, goawayStatus, resetStatus, type SpdyHeaders, settingInitialWindow } from './frames.ts'
import { ReceiveWindows, Taken } from './receive-windows.ts'
import { SendWindows, type StreamWindow } from './send-windows.ts'

/** Data goes out in frames of at most this, in bytes: another stream's turn comes soon. */
const maxDataFrame = 64 * 1024
/** Data frames smaller than this are copied behind their head, which is cheaper than two writes. */
const smallFrame = 4 * 1024
/** Control frames that the peer does not take; with more than this, nothing more is read from it. In bytes. */
const maxControlBacklog = 64 * 1024

/** A stream that the client opened. */
export interface IncomingStream {
  readonly id: number
  readonly headers: SpdyHeaders
  readonly stream: MuxStream
}

/** What a server does with the streams that its client opens. */
export interface IncomingStreams {
  /** More streams at once than these are refused. */
  readonly maxStreams: number
  /** Whether a stream with these headers is wanted; if not, it is refused. */
  accept(headers: SpdyHeaders, id: number): boolean
  /** Takes a stream that was accepted; its reply is already under way. */
  stream(incoming: IncomingStream): void
}

export interface SpdyOptions {
  readonly limits: TransportLimits
  readonly log: Logger
  /** At the server's end; the client's opens streams itself, and refuses those of the server. */
  readonly incoming?: IncomingStreams
}

interface Live {
  readonly id: number
  readonly stream: MuxStream
  readonly window: StreamWindow
  readonly taken: Taken
  /** Of a stream that this side opened: to be told when the peer has accepted it. */
  readonly accepted?: () => void
  /** The peer has accepted it. */
  open: boolean
  /** At the client's end: the server has reset the stream, and takes nothing more. */
  reset?: boolean
}

/**
 * One end of a SPDY/3.1 connection over any stream of bytes (TCP, TLS, a WebSocket tunnel). A server sends nothing before
 * its client has: Go's clients lose what comes together with the 101 response.
 */
export class SpdyConnection {
  readonly #transport: Duplex
  readonly #options: SpdyOptions
  readonly #writer = new FrameWriter()
  readonly #parser: FrameParser
  readonly #live = new Map<number, Live>()
  readonly #windows = new SendWindows()
  readonly #receiveWindows: ReceiveWindows | undefined
  readonly #budget: InboundBudget
  readonly #idle: IdleTimer
  readonly #pings: NodeJS.Timeout
  readonly #gone = new AbortController()
  readonly #closed = Promise.withResolvers<void>()
  /** The last stream that was opened, by the client, whichever end this is. */
  #lastId = 0
  #controlBacklog = 0
  #nextPing: number
  #peerGoesAway = false
  #closing: Promise<void> | undefined

  constructor(transport: Duplex, options: SpdyOptions) {
    this.#transport = transport
    this.#options = options
    this.#nextPing = options.incoming ? 2 : 1
    // A client keeps no windows, as Kubernetes' (moby/spdystream): a WINDOW_UPDATE that comes when the server has hung up
    // makes TCP reset the connection, and the client loses what it has not read.
    if (options.incoming) {
      this.#receiveWindows = new ReceiveWindows((id, bytes) => this.#sendControl(this.#writer.windowUpdate(id, bytes)))
    }
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
   * Opens a stream, at the client's end; resolves when the server has accepted it. Rejects with unavailable when it was
   * refused, or the connection has ended.
   */
  async open(headers: SpdyHeaders): Promise<MuxStream> {
    if (this.#options.incoming) throw new TypeError('streams are opened by the client')
    if (this.#gone.signal.aborted || this.#peerGoesAway) throw unavailable('the streaming connection has ended')
    this.#lastId += this.#lastId === 0 ? 1 : 2
    const accepted = Promise.withResolvers<MuxStream>()
    const { id, stream } = this.#add(this.#lastId, () => accepted.resolve(stream))
    stream.once('close', () => accepted.reject(unavailable('the other end refused to open a stream')))
    const onGone = () => accepted.reject(unavailable('the streaming connection ended before a stream was open'))
    this.#gone.signal.addEventListener('abort', onGone)
    this.#sendControl(this.#writer.synStream(id, headers))
    return accepted.promise.finally(() => this.#gone.signal.removeEventListener('abort', onGone))
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

  /** A server's command has nobody left to talk to; what a client was still sent is for it to read. */
  #loseStreams(): void {
    const unread = !this.#options.incoming && !this.#closing
    this.#gone.abort()
    for (const { stream } of [...this.#live.values()]) {
      if (unread) stream.receiveCut()
      else stream.lose()
    }
  }

  #receive(chunk: Buffer): void {
    if (this.#closing) return
    try {
      this.#parser.push(chunk)
    } catch (error) {
      this.#options.log.warn({ error: messageOf(error) }, 'the other end of a streaming connection broke the protocol')
      void this.close(goawayStatus.protocolError)
    }
  }

  #control(frame: ControlFrame): void {
    if (frame.type !== 'ping' || !this.#isOwnPing(frame.id)) this.#idle.touch()
    switch (frame.type) {
      case 'syn-stream':
        return this.#open(frame)
      case 'rst-stream':
        this.#wasReset(this.#live.get(frame.streamId))
        return this.#closeWhenDone()
      case 'headers':
        if (frame.fin) this.#live.get(frame.streamId)?.stream.receiveEnd()
        return
      case 'ping':
        if (!this.#isOwnPing(frame.id)) this.#sendControl(this.#writer.ping(frame.id))
        return
      case 'goaway':
        this.#peerGoesAway = true
        return this.#closeWhenDone()
      case 'window-update':
        return this.#widen(frame.streamId, frame.delta)
      case 'settings': {
        const window = frame.values.findLast(({ id }) => id === settingInitialWindow)
        if (window) this.#windows.setInitial(window.value & 0x7fffffff)
        return
      }
      case 'syn-reply': {
        const live = this.#live.get(frame.streamId)
        if (!live?.accepted) return this.#reset(frame.streamId, resetStatus.invalidStream)
        live.open = true
        live.accepted()
        if (frame.fin) live.stream.receiveEnd()
        return
      }
      default:
        frame satisfies never
    }
  }

  #open(frame: Extract<ControlFrame, { type: 'syn-stream' }>): void {
    const { streamId: id, headers } = frame
    const { incoming } = this.#options
    if (!incoming) return this.#reset(id, resetStatus.refusedStream)
    if (id % 2 === 0 || id <= this.#lastId) throw protocolError(`a stream of id ${id} after ${this.#lastId}`)
    this.#lastId = id
    const wanted = !this.#peerGoesAway && this.#live.size < incoming.maxStreams
    if (!wanted || frame.unidirectional || !incoming.accept(headers, id)) {
      return this.#reset(id, resetStatus.refusedStream)
    }
    const { stream } = this.#add(id)
    this.#sendControl(this.#writer.synReply(id))
    if (frame.fin) stream.receiveEnd()
    incoming.stream({ id, headers, stream })
  }

  #add(id: number, accepted?: () => void): Live {
    const window = this.#windows.open()
    const stream = new MuxStream(
      {
        write: (data, done) => this.#sendData(live, data, done),
        end: (done) => this.#sendEnd(live, done),
        taken: (bytes) => this.#receiveWindows?.taken(bytes, stream.remoteEnded ? undefined : live),
        closed: (broken) => this.#forget(live, broken),
      },
      this.#budget,
    )
    const live: Live = {
      id,
      stream,
      window,
      taken: new Taken(),
      open: accepted === undefined,
      ...(accepted && { accepted }),
    }
    this.#live.set(id, live)
    return live
  }

  /**
   * Kubernetes' servers (httpstream/spdy, Connection.Close) end a session by resetting its streams: for a client what came
   * before that counts. Server and client lose a stream that was never accepted.
   */
  #wasReset(live: Live | undefined): void {
    if (!live) return
    if (this.#options.incoming || !live.open) return live.stream.lose()
    live.reset = true
    live.stream.receiveCut()
  }

  #data(streamId: number, piece: Buffer, fin: boolean): void {
    this.#idle.touch()
    const live = this.#live.get(streamId)
    if (!live || live.stream.remoteEnded) {
      this.#receiveWindows?.taken(piece.length)
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
    if (data.length === 0 || live.reset) done()
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
    if (live.reset) return done()
    if (this.#closing || this.#transport.destroyed) return done(streamGone())
    this.#transport.write(this.#writer.dataHead(live.id, 0, true), done)
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
    if (this.#peerGoesAway && this.#live.size === 0) void this.close()
  }

  #ping(): void {
    if (this.#lastId === 0) return
    this.#sendControl(this.#writer.ping(this.#nextPing))
    this.#nextPing = (this.#nextPing + 2) % 0x40000000
  }

  /** The pings of a client have odd numbers, those of a server even ones; they come back with the same. */
  #isOwnPing(id: number): boolean {
    return id % 2 === this.#nextPing % 2
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

const streamGone = () => cancelled('the other end of the stream has gone')

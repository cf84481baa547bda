import './fast-mask.ts'
import { Buffer } from 'node:buffer'
import { type RawData, WebSocket } from 'ws'
import { cancelled, messageOf } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { IdleTimer } from '../../mux/idle-timer.ts'
import { InboundBudget } from '../../mux/inbound-budget.ts'
import { MuxStream } from '../../mux/mux-stream.ts'
import type { TransportLimits } from '../../mux/transport-limits.ts'

/** What a message carries at most, in bytes: another channel's turn comes soon. */
const maxPayload = 64 * 1024
/** Messages smaller than this are made anew each, in bytes. */
const smallMessage = 4 * 1024
/** In v5.channel.k8s.io: the byte that says "close the channel that the next byte names". */
const closeSignal = 255

export interface ChannelOptions {
  /** Bytes with the number of the channel in front, or text: its digit and base64. */
  readonly codec: 'binary' | 'base64'
  /** Whether the client may close its half of a channel. */
  readonly halfClose: boolean
  readonly limits: TransportLimits
  readonly log: Logger
}

/** The channels of channel.k8s.io and its kin on one WebSocket: each message belongs to the channel that it begins with. */
export class WebSocketChannels {
  readonly #socket: WebSocket
  readonly #options: ChannelOptions
  readonly #channels = new Map<number, MuxStream>()
  readonly #budget: InboundBudget
  readonly #idle: IdleTimer
  readonly #pings: NodeJS.Timeout
  readonly #gone = new AbortController()
  readonly #closed = Promise.withResolvers<void>()

  constructor(socket: WebSocket, options: ChannelOptions) {
    this.#socket = socket
    this.#options = options
    this.#budget = new InboundBudget(options.limits.inboundBytes, () => this.#adjustReading())
    this.#idle = new IdleTimer(options.limits.idleTimeoutMs, () => {
      options.log.info({}, 'a streaming session was idle for too long')
      void this.close()
    })
    // Not to be answered within a time: clients that answer only while they read are not dead. TCP finds out about those.
    this.#pings = setInterval(() => socket.ping(), options.limits.pingIntervalMs).unref()
    socket.on('message', (data) => this.#receive(bytesOf(data)))
    socket.on('ping', () => this.#idle.touch())
    socket.on('error', (error) => options.log.debug({ error: messageOf(error) }, 'a streaming connection broke'))
    socket.on('close', () => this.#lost())
    if (socket.readyState === WebSocket.CLOSED) this.#lost()
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
   * The stream of a channel, 0 to 254; what comes for channels that nobody opened is dropped. With `greet`, an empty message
   * is sent on it first: Kubernetes' servers tell so that the connection stands.
   */
  open(number: number, greet = false): MuxStream {
    const channel = new Channel(number)
    const stream = new MuxStream(
      {
        write: (data, done) => (data.length === 0 ? done() : this.#send(channel, data, done)),
        end: (done) => done(),
        taken: () => {},
        closed: () => this.#channels.delete(number),
      },
      this.#budget,
    )
    this.#channels.set(number, stream)
    if (greet) this.#send(channel, Buffer.alloc(0), () => {})
    return stream
  }

  /** Sends the close frame and hangs up when the client has answered it, or after `ws`'s 30 seconds. Never rejects. */
  async close(): Promise<void> {
    this.#loseStreams()
    this.#socket.resume()
    this.#socket.close(1000)
  }

  /** Hangs up at once. */
  destroy(): void {
    this.#socket.terminate()
  }

  #receive(message: Buffer): void {
    this.#idle.touch()
    const first = message[0]
    if (first === undefined) return
    if (this.#options.halfClose && first === closeSignal) {
      if (message.length === 2) this.#channels.get(message.readUInt8(1))?.receiveEnd()
      return
    }
    const base64 = this.#options.codec === 'base64'
    const payload = message.subarray(1)
    this.#channels
      .get(base64 ? first - 48 : first)
      ?.receive(base64 ? Buffer.from(payload.toString('latin1'), 'base64') : payload)
  }

  #send(channel: Channel, data: Buffer, done: (error?: Error | null) => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return done(cancelled('the streaming client has gone'))
    this.#idle.touch()
    const piece = data.subarray(0, maxPayload)
    const rest = data.subarray(maxPayload)
    const message =
      this.#options.codec === 'binary' ? channel.message(piece) : `${channel.number}${piece.toString('base64')}`
    // The callback comes when the kernel has taken the message, so a slow client holds back who writes.
    this.#socket.send(message, (error) => {
      if (error || rest.length === 0) done(error)
      else this.#send(channel, rest, done)
    })
  }

  #adjustReading(): void {
    if (this.#gone.signal.aborted) return
    if (this.#budget.full) this.#socket.pause()
    else this.#socket.resume()
  }

  #lost(): void {
    clearInterval(this.#pings)
    this.#idle.stop()
    this.#loseStreams()
    this.#closed.resolve()
  }

  #loseStreams(): void {
    this.#gone.abort()
    for (const stream of [...this.#channels.values()]) stream.lose()
  }
}

/** What goes out on a channel: one message after the other, so that large ones can share their memory. */
class Channel {
  readonly number: number
  #large: Buffer | undefined

  constructor(number: number) {
    this.number = number
  }

  /** The number and the payload; good until the next one. */
  message(payload: Buffer): Buffer {
    if (payload.length < smallMessage) return Buffer.concat([Buffer.of(this.number), payload])
    this.#large ??= Buffer.alloc(1 + maxPayload, this.number)
    payload.copy(this.#large, 1)
    return this.#large.subarray(0, 1 + payload.length)
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)
}

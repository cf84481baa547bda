import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { prefixLength } from './frame.ts'
import { RequestReader } from './request-reader.ts'
import { ok, type Status, trailersOf } from './status.ts'
import { millisecondsOf } from './timeout.ts'

/** The longest that a timer can wait (Node, setTimeout); no deadline that is later is kept. */
const longestTimer = 2 ** 31 - 1

const answerHeaders: OutgoingHttpHeaders = { ':status': 200, 'content-type': 'application/grpc' }
/** With every refusal: what could have been refused is a message that was compressed. */
const refusalHeaders: OutgoingHttpHeaders = { ...answerHeaders, 'grpc-accept-encoding': 'identity' }
const withTrailers = { waitForTrailers: true }
const withoutMore = { endStream: true }

/**
 * One call, on its stream of HTTP/2: one request, and an answer of one message or of many. A call whose client has gone, or whose
 * deadline has passed, takes answers and drops them.
 */
export class ServerCall {
  readonly #stream: ServerHttp2Stream
  readonly #headers: IncomingHttpHeaders
  readonly #maxBytes: number
  #request: Uint8Array | undefined
  #gone: AbortController | undefined
  #deadline: NodeJS.Timeout | undefined
  /** Nothing more can be said to the client. */
  #isOver = false
  #status = ok

  /** @param maxBytes how long a message may be, either way */
  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, maxBytes: number) {
    this.#stream = stream
    this.#headers = headers
    this.#maxBytes = maxBytes
  }

  /** The message of the request, encoded. */
  get request(): Uint8Array {
    if (!this.#request) throw new Error('the request has not come yet')
    return this.#request
  }

  /** Fires when the client has gone, or the deadline that it set has passed, before the answer was complete. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController()
    if (this.#isOver) this.#gone.abort()
    return this.#gone.signal
  }

  /** A field of the request's headers, its name in lower case. */
  header(name: string): string | undefined {
    const value = this.#headers[name]
    return typeof value === 'string' ? value : undefined
  }

  /** Waits for the request, and calls `serve` when all of it is here. What is no request is refused. */
  receive(serve: (call: ServerCall) => void): void {
    const stream = this.#stream
    const reader = new RequestReader(this.#maxBytes, this.header('grpc-encoding'))
    stream.on('close', () => this.#leave())
    if (!this.#setDeadline()) return
    stream.on('data', (chunk: Buffer) => {
      if (this.#isOver) return
      const refused = reader.take(chunk)
      if (refused) this.#refuse(refused)
    })
    stream.on('end', () => {
      if (this.#isOver) return
      this.#request = reader.end()
      if (this.#request) serve(this)
      else this.#refuse(reader.missing)
    })
  }

  /** Answers with one message, in its frame, and ends the call. */
  answer(frame: Buffer): void {
    if (!this.#canSpeak || this.#isTooLong(frame)) return
    this.#respond()
    this.#over()
    this.#stream.end(frame)
  }

  /** Tells the client that it is served, before there is a message. */
  begin(): void {
    if (this.#canSpeak && !this.#stream.headersSent) this.#respond()
  }

  /** Sends one of many messages, in its frame; resolves when there is room for another, or nobody left to take it. */
  async write(frame: Buffer): Promise<void> {
    if (!this.#canSpeak || this.#isTooLong(frame)) return
    this.begin()
    if (!this.#stream.write(frame)) await this.#drained()
  }

  /** Ends the call: well, after its last message, or not. */
  end(status = ok): void {
    if (!this.#canSpeak) return
    this.#over()
    this.#status = status
    if (this.#stream.headersSent) this.#stream.end()
    else this.#stream.respond({ ...answerHeaders, ...trailersOf(status) }, withoutMore)
  }

  /** False when the client sent a deadline that is none. */
  #setDeadline(): boolean {
    const timeout = this.header('grpc-timeout')
    if (timeout === undefined) return true
    const ms = millisecondsOf(timeout)
    if (ms === undefined) this.#refuse({ code: 'INTERNAL', details: `"${timeout}" is no grpc-timeout` })
    else if (ms <= longestTimer) this.#deadline = setTimeout(() => this.#expire(timeout), ms)
    return ms !== undefined
  }

  #expire(timeout: string): void {
    const isStuck = this.#stream.writableNeedDrain
    this.end({
      code: 'DEADLINE_EXCEEDED',
      details: `the call was not answered within its time (grpc-timeout ${timeout})`,
    })
    this.#gone?.abort()
    // A client that takes nothing does not take that either, and nobody is to wait for it.
    if (isStuck) this.#stream.close(constants.NGHTTP2_CANCEL)
  }

  /** The client is told, and need not send the rest. */
  #refuse(status: Status): void {
    if (!this.#canSpeak) return
    this.#over()
    this.#stream.respond({ ...refusalHeaders, ...trailersOf(status) }, withoutMore)
    this.#stream.close()
  }

  /** A stream that is closed takes nothing, from before it says so on. */
  get #canSpeak(): boolean {
    return !this.#isOver && !this.#stream.closed && !this.#stream.destroyed
  }

  #isTooLong(frame: Buffer): boolean {
    const length = frame.length - prefixLength
    if (length <= this.#maxBytes) return false
    this.end({ code: 'RESOURCE_EXHAUSTED', details: `the answer has ${length} bytes, and may have ${this.#maxBytes}` })
    return true
  }

  #respond(): void {
    const stream = this.#stream
    stream.on('wantTrailers', () => {
      if (!stream.closed && !stream.destroyed) stream.sendTrailers(trailersOf(this.#status))
    })
    stream.respond(answerHeaders, withTrailers)
  }

  #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#stream.once('drain', resolve).once('close', resolve)
    return promise.finally(() => this.#stream.off('drain', resolve).off('close', resolve))
  }

  /** The stream is closed: after the answer, or because the client left or its connection broke. */
  #leave(): void {
    if (this.#isOver) return
    this.#over()
    this.#gone?.abort()
  }

  #over(): void {
    this.#isOver = true
    clearTimeout(this.#deadline)
  }
}

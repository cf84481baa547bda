import type { Duplex } from 'node:stream'
import { BerthError, cancelled, type ErrorCode, internal, messageOf, unavailable } from '../lib/errors.ts'
import { adoptSpans, isTraced, rootSpan, type Span, switchTracing } from '../lib/span.ts'

/**
 * Requests, answers and events as JSON lines over a stream. The two ends are alike; what may be said is another file's
 * matter (`protocol.ts`). A request can be cancelled: the other end's handler then sees its signal abort.
 */
type Frame =
  | { readonly request: number; readonly method: string; readonly params: unknown; readonly trace?: true }
  | { readonly cancel: number }
  | { readonly answer: number; readonly result: unknown; readonly spans?: readonly Span[] }
  | { readonly answer: number; readonly error: { readonly code: ErrorCode; readonly message: string } }
  | { readonly event: string; readonly params: unknown }

type Answer = Pick<Extract<Frame, { readonly result: unknown }>, 'result' | 'spans'>

export interface ConnectionHandlers {
  onRequest(method: string, params: unknown, signal: AbortSignal): Promise<unknown>
  onEvent(event: string, params: unknown): void
  onClose(): void
}

/** The longest line taken, in bytes: two ExecSync outputs of 16 MiB in base64 fit. */
const maxFrameBytes = 64 * 1024 * 1024

export class Connection implements Disposable {
  readonly #stream: Duplex
  readonly #handlers: ConnectionHandlers
  readonly #pending = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>()
  readonly #serving = new Map<number, AbortController>()
  #lastRequest = 0
  #closed = false

  constructor(stream: Duplex, handlers: ConnectionHandlers) {
    this.#stream = stream
    this.#handlers = handlers
    const lines = new LineSplitter(maxFrameBytes)
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.add(chunk)) this.#take(JSON.parse(line) as Frame)
      } catch (error) {
        stream.destroy(internal(`the other end of the connection sent what cannot be read: ${messageOf(error)}`))
      }
    })
    stream.on('error', () => this.#close())
    stream.on('close', () => this.#close())
    stream.on('end', () => this.#close())
  }

  /** Asks the other end. Rejects with its error, with `unavailable` when the connection closes, or `cancelled`. */
  async request(method: string, params: unknown, signal?: AbortSignal): Promise<unknown> {
    if (this.#closed) throw unavailable(`"${method}" cannot be sent: the connection is closed`)
    if (signal?.aborted) throw cancelled(`"${method}" was given up`, signal.reason)
    const id = ++this.#lastRequest
    const answer = Promise.withResolvers<Answer>()
    this.#pending.set(id, answer)
    this.#send({ request: id, method, params, ...(isTraced() && { trace: true }) })
    const onAbort = () => {
      this.#send({ cancel: id })
      answer.reject(cancelled(`"${method}" was given up`, signal?.reason))
    }
    signal?.addEventListener('abort', onAbort)
    try {
      const { result, spans } = await answer.promise
      if (spans) adoptSpans(spans)
      return result
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#pending.delete(id)
    }
  }

  /** Tells the other end; lost when the connection is closed. */
  event(event: string, params: unknown): void {
    this.#send({ event, params })
  }

  [Symbol.dispose](): void {
    this.#stream.destroy()
    this.#close()
  }

  #send(frame: Frame): void {
    if (!this.#closed) this.#stream.write(`${JSON.stringify(frame)}\n`)
  }

  #take(frame: Frame): void {
    if ('request' in frame) void this.#serve(frame)
    else if ('cancel' in frame) this.#serving.get(frame.cancel)?.abort(cancelled('the caller gave up'))
    else if ('event' in frame) this.#handlers.onEvent(frame.event, frame.params)
    else if ('error' in frame) {
      this.#pending.get(frame.answer)?.reject(new BerthError(frame.error.code, frame.error.message))
    } else this.#pending.get(frame.answer)?.resolve(frame)
  }

  async #serve({ request: id, method, params, trace }: Extract<Frame, { readonly request: number }>): Promise<void> {
    const abort = new AbortController()
    this.#serving.set(id, abort)
    const spans: Span[] = []
    if (trace) switchTracing(true)
    try {
      const work = () => this.#handlers.onRequest(method, params, abort.signal)
      const result = await (trace ? rootSpan(method, (root) => spans.push(root), work) : work())
      this.#send({ answer: id, result: result ?? null, ...(trace && { spans }) })
    } catch (error) {
      const code = error instanceof BerthError ? error.code : 'internal'
      this.#send({ answer: id, error: { code, message: messageOf(error) } })
    } finally {
      this.#serving.delete(id)
    }
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const abort of this.#serving.values()) abort.abort(cancelled('the caller has gone'))
    for (const { reject } of this.#pending.values()) reject(unavailable('the connection was closed before the answer'))
    this.#handlers.onClose()
  }
}

/** Cuts a byte stream into lines. */
class LineSplitter {
  readonly #maxBytes: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The lines that end in `chunk`, without their newline. Throws when a line grows too long. */
  add(chunk: Buffer): string[] {
    const lines: string[] = []
    let from = 0
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      this.#parts.push(chunk.subarray(from, end))
      lines.push(Buffer.concat(this.#parts).toString('utf8'))
      this.#parts = []
      this.#bytes = 0
      from = end + 1
    }
    if (from < chunk.length) {
      this.#parts.push(chunk.subarray(from))
      this.#bytes += chunk.length - from
      if (this.#bytes > this.#maxBytes) throw internal(`a line of more than ${this.#maxBytes} bytes`)
    }
    return lines
  }
}

import { createHash } from 'node:crypto'
import { WebSocket } from 'ws'
import { eventually } from './eventually.ts'

const stdin = 0
const stdout = 1
const stderr = 2
const status = 3
const resize = 4
const close = 255

/** A client of exec or attach over WebSocket (v5.channel.k8s.io), as kubectl is one. */
export class RemoteSession {
  readonly #socket: WebSocket
  readonly #texts = new Map<number, string>()
  readonly #hash = createHash('sha256')
  readonly #keep: boolean
  /** Bytes of stdout. */
  bytes = 0
  closed = false

  private constructor(url: string, keep: boolean) {
    this.#keep = keep
    this.#socket = new WebSocket(url.replace(/^http/, 'ws'), ['v5.channel.k8s.io'], { perMessageDeflate: false })
    this.#socket.on('message', (message: Buffer) => this.#take(message[0] as number, message.subarray(1)))
    this.#socket.on('close', () => {
      this.closed = true
    })
    this.#socket.on('error', () => {})
  }

  /** @param keep whether stdout is kept as text; its hash is made anyway */
  static async open(url: string, { keep = true } = {}): Promise<RemoteSession> {
    const session = new RemoteSession(url, keep)
    const state = await eventually('the WebSocket opens', () => {
      if (session.closed) return 'closed'
      return session.#socket.readyState === WebSocket.OPEN ? 'open' : undefined
    })
    if (state === 'closed') throw new Error('the WebSocket was closed before it opened')
    return session
  }

  get stdout(): string {
    return this.#texts.get(stdout) ?? ''
  }

  get stderr(): string {
    return this.#texts.get(stderr) ?? ''
  }

  /** Of all of stdout; to be asked once. */
  hash(): string {
    return this.#hash.digest('hex')
  }

  /** Resolves when the data is on its way. */
  send(data: string | Buffer): Promise<void> {
    return this.#send(stdin, Buffer.from(data))
  }

  endStdin(): Promise<void> {
    return this.#send(close, Buffer.of(stdin))
  }

  resize(Width: number, Height: number): Promise<void> {
    return this.#send(resize, Buffer.from(JSON.stringify({ Width, Height })))
  }

  /** Takes nothing more from the connection, as a client does that hangs. */
  stall(): void {
    this.#socket.pause()
  }

  goOn(): void {
    this.#socket.resume()
  }

  /** Goes away without a word. */
  drop(): void {
    this.#socket.terminate()
  }

  async shows(text: string): Promise<void> {
    await eventually(`${JSON.stringify(text)} in ${JSON.stringify(this.stdout)}`, () =>
      this.stdout.includes(text) ? true : undefined,
    )
  }

  /** Waits for the end and answers the status that came with it; undefined when there was none. */
  async ended(timeoutMs = 10_000): Promise<{ status?: string; message?: string; exitCode: number } | undefined> {
    await eventually('the session ends', () => this.closed || undefined, timeoutMs)
    const text = this.#texts.get(status)
    if (text === undefined) return undefined
    const { status: outcome, message, details } = JSON.parse(text)
    return { status: outcome, message, exitCode: Number(details?.causes?.[0]?.message ?? 0) }
  }

  #send(channel: number, data: Buffer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#socket.send(Buffer.concat([Buffer.of(channel), data]), (error) => (error ? reject(error) : resolve()))
    return promise
  }

  #take(channel: number, data: Buffer): void {
    if (channel === stdout) {
      this.bytes += data.length
      this.#hash.update(data)
      if (!this.#keep) return
    }
    if (data.length > 0) this.#texts.set(channel, (this.#texts.get(channel) ?? '') + data)
  }
}

import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib'
import { headerDictionary } from '../spdy/dictionary.ts'

/** A frame as it is on the wire. `type` is 0 for data, whose `id` is that of the stream. */
export interface RawFrame {
  readonly type: number
  readonly id: number
  readonly flags: number
  readonly body: Buffer
}

/** The answer to an upgrade request. */
export interface Answer {
  readonly status: number
  readonly head: string
  readonly body: string
  readonly socket: Socket
}

/** Asks for an upgrade with raw HTTP; resolves with the 101, or with an error and its body. */
export async function askUpgrade(url: string, headers: Record<string, string>, method = 'POST'): Promise<Answer> {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.setNoDelay(true)
  socket.on('error', () => {})
  const lines = [`${method} ${pathname} HTTP/1.1`, 'Host: berth', ...Object.entries(headers).map((h) => h.join(': '))]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  let text = ''
  while (!text.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'readable')) && [socket.read() as Buffer | null]
    if (chunk) text += chunk.toString('latin1')
    else if (socket.readableEnded || socket.destroyed) break
  }
  const [head = '', rest = ''] = text.split(/\r\n\r\n(.*)/s)
  const status = Number(head.split(' ')[1])
  let body = rest
  if (status !== 101) for await (const chunk of socket) body += (chunk as Buffer).toString('latin1')
  return { status, head, body, socket }
}

export function spdyHeaders(protocols: string): Record<string, string> {
  return { Connection: 'Upgrade', Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': protocols }
}

/**
 * The client's end of SPDY/3.1 for tests, on purpose apart from the server's code: real zlib streams for the header blocks,
 * and frames that can be wrong in any way.
 */
export class SpdyClient {
  readonly transport: Duplex
  readonly frames: RawFrame[] = []
  /** The data of each stream, put together, unless `discard`. */
  readonly received = new Map<number, Buffer[]>()
  readonly ended = new Set<number>()
  readonly resets = new Map<number, number>()
  goaway: number | undefined
  closed = false
  bytes = 0
  discard = false
  readonly #deflate: Deflate = createDeflate({ dictionary: headerDictionary })
  readonly #inflate: Inflate = createInflate({ dictionary: headerDictionary })
  #rest: Buffer = Buffer.alloc(0)
  #nextId = 1
  #changed = Promise.withResolvers<void>()

  constructor(transport: Duplex) {
    this.transport = transport
    transport.on('data', (chunk: Buffer) => this.#take(chunk))
    transport.on('error', () => {})
    transport.on('close', () => {
      this.closed = true
      this.#tell()
    })
  }

  static async connect(url: string, protocols: string): Promise<SpdyClient> {
    const { status, socket, body } = await askUpgrade(url, spdyHeaders(protocols))
    if (status !== 101) throw new Error(`HTTP ${status}: ${body}`)
    return new SpdyClient(socket)
  }

  /** Opens a stream and waits for its reply. */
  async open(headers: Record<string, string>, id = this.#nextId): Promise<number> {
    this.#nextId = id + 2
    this.frame(1, 0, Buffer.concat([words(id, 0), Buffer.alloc(2), await this.headerBlock(headers)]))
    await this.until(
      () => this.frames.some((f) => f.type === 2 && f.id === id) || this.resets.has(id),
      `reply to ${id}`,
    )
    return id
  }

  /** A header block, compressed as the next of this connection. */
  async headerBlock(headers: Record<string, string>): Promise<Buffer> {
    const entries = Object.entries(headers)
    const parts = [words(entries.length)]
    for (const [name, value] of entries) {
      parts.push(words(name.length), Buffer.from(name), words(value.length), Buffer.from(value))
    }
    return this.deflate(Buffer.concat(parts))
  }

  async deflate(content: Buffer): Promise<Buffer> {
    const out: Buffer[] = []
    const gather = (chunk: Buffer) => out.push(chunk)
    this.#deflate.on('data', gather)
    this.#deflate.write(content)
    await new Promise<void>((resolve) => this.#deflate.flush(constants.Z_SYNC_FLUSH, resolve))
    this.#deflate.off('data', gather)
    return Buffer.concat(out)
  }

  frame(type: number, flags: number, body: Buffer, version = 3): boolean {
    const head = Buffer.alloc(8)
    head.writeUInt16BE(0x8000 | version, 0)
    head.writeUInt16BE(type, 2)
    head.writeUInt8(flags, 4)
    head.writeUIntBE(body.length, 5, 3)
    return this.transport.write(Buffer.concat([head, body]))
  }

  data(id: number, content: Buffer | string, fin = false): boolean {
    const body = Buffer.from(content)
    const head = Buffer.alloc(8)
    head.writeUInt32BE(id, 0)
    head.writeUInt8(fin ? 1 : 0, 4)
    head.writeUIntBE(body.length, 5, 3)
    return this.transport.write(Buffer.concat([head, body]))
  }

  rst(id: number, status = 5): void {
    this.frame(3, 0, words(id, status))
  }

  /** Sends a ping of this id, an odd one, and waits for the answer. */
  async ping(id: number): Promise<void> {
    this.frame(6, 0, words(id))
    await this.until(() => this.frames.some((frame) => frame.type === 6 && frame.id === id), 'the answer to a ping')
  }

  text(id: number): string {
    return Buffer.concat(this.received.get(id) ?? []).toString()
  }

  /** Waits until `condition` holds; it is looked at whenever something has come. Rejects after twenty seconds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = AbortSignal.timeout(20_000)
    while (!condition()) {
      if (deadline.aborted) throw new Error(`waited in vain for: ${what}`)
      await Promise.race([this.#changed.promise, once(deadline, 'abort')])
    }
  }

  /** Checks that the header block of a reply can be inflated by a zlib that has to end at the block's end. */
  async inflate(block: Buffer): Promise<Buffer> {
    const out: Buffer[] = []
    const gather = (chunk: Buffer) => out.push(chunk)
    this.#inflate.on('data', gather)
    await new Promise<void>((resolve, reject) => {
      this.#inflate.once('error', reject)
      this.#inflate.write(block, () => resolve())
    })
    this.#inflate.off('data', gather)
    return Buffer.concat(out)
  }

  #take(chunk: Buffer): void {
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk
    let at = 0
    while (this.#rest.length - at >= 8) {
      const length = this.#rest.readUIntBE(at + 5, 3)
      if (this.#rest.length - at < 8 + length) break
      this.#frame(this.#rest.subarray(at, at + 8), this.#rest.subarray(at + 8, at + 8 + length))
      at += 8 + length
    }
    this.#rest = this.#rest.subarray(at)
    this.#tell()
  }

  #frame(head: Buffer, body: Buffer): void {
    const first = head.readUInt32BE(0)
    const flags = head.readUInt8(4)
    if (first < 0x80000000) {
      this.bytes += body.length
      if (!this.discard) this.received.set(first, [...(this.received.get(first) ?? []), body])
      if (flags & 1) this.ended.add(first)
      return
    }
    const type = first & 0xffff
    const id = body.length >= 4 ? body.readUInt32BE(0) : 0
    if (type === 3) this.resets.set(id, body.readUInt32BE(4))
    if (type === 7) this.goaway = body.readUInt32BE(4)
    this.frames.push({ type, id, flags, body })
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, i) => bytes.writeUInt32BE(value, i * 4))
  return bytes
}

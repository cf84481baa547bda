import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import type { Socket } from 'node:net'

/** What Kubernetes' own clients put in a message, in bytes. */
const payloadBytes = 32 * 1024 - 1

/**
 * A client of the channels of v4.channel.k8s.io that costs next to nothing: what is measured is the server. It sends one and
 * the same message again and again, masked as a browser's is (RFC 6455), and never looks at more than the heads of frames.
 */
export class WebSocketClient {
  readonly #socket: Socket
  readonly #onData: (channel: number, piece: Buffer) => void
  #head = Buffer.alloc(0)
  /** Of the frame that is being read: what is left of it, and its channel once that is known. */
  #left = 0
  #channel: number | undefined

  private constructor(socket: Socket, onData: (channel: number, piece: Buffer) => void) {
    this.#socket = socket
    this.#onData = onData
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  /** @param onData gets what comes, piece by piece, without the channel's number */
  static async open(url: string, onData: (channel: number, piece: Buffer) => void): Promise<WebSocketClient> {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Protocol': 'v4.channel.k8s.io',
    }
    const asked = request(url, { headers, agent: false })
    const { promise, resolve, reject } = Promise.withResolvers<WebSocketClient>()
    asked.once('upgrade', (_, socket: Socket, first: Buffer) => {
      const client = new WebSocketClient(socket, onData)
      client.#take(first)
      resolve(client)
    })
    asked.once('response', ({ statusCode }) => reject(new Error(`HTTP ${statusCode} instead of a WebSocket`)))
    asked.once('error', reject)
    asked.end()
    return promise
  }

  /** Resolves when the connection has ended. */
  get closed(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#socket.once('close', () => resolve())
    if (this.#socket.destroyed) resolve()
    return promise
  }

  /** Sends `pieces` times the content, which is of {@link payloadBytes}, as fast as it is taken. */
  async send(channel: number, content: Buffer, pieces: number): Promise<void> {
    const frame = maskedFrame(Buffer.concat([Buffer.of(channel), content]))
    const gone = this.closed
    for (let i = 0; i < pieces && !this.#socket.destroyed; i++) {
      if (this.#socket.write(frame)) continue
      await Promise.race([new Promise<void>((resolve) => this.#socket.once('drain', resolve)), gone])
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(chunk: Buffer): void {
    let rest = this.#head.length > 0 ? Buffer.concat([this.#head, chunk]) : chunk
    this.#head = Buffer.alloc(0)
    while (rest.length > 0) {
      if (this.#left === 0) {
        const head = headOf(rest)
        if (!head) {
          this.#head = Buffer.from(rest)
          return
        }
        rest = rest.subarray(head.bytes)
        this.#left = head.length
        this.#channel = head.control ? -1 : undefined
        continue
      }
      const piece = rest.subarray(0, this.#left)
      rest = rest.subarray(piece.length)
      this.#left -= piece.length
      if (this.#channel === -1) continue
      const content = this.#channel === undefined ? piece.subarray(1) : piece
      this.#channel ??= piece[0] ?? 0
      if (content.length > 0) this.#onData(this.#channel, content)
    }
  }
}

export const webSocketPayload = payloadBytes

/** The head of an unmasked frame, RFC 6455 section 5.2; undefined when more bytes are needed. */
function headOf(
  bytes: Buffer,
): { readonly bytes: number; readonly length: number; readonly control: boolean } | undefined {
  if (bytes.length < 2) return undefined
  const control = (bytes.readUInt8(0) & 0x08) !== 0
  const short = bytes.readUInt8(1) & 0x7f
  if (short < 126) return { bytes: 2, length: short, control }
  if (short === 126) return bytes.length < 4 ? undefined : { bytes: 4, length: bytes.readUInt16BE(2), control }
  return bytes.length < 10 ? undefined : { bytes: 10, length: Number(bytes.readBigUInt64BE(2)), control }
}

function maskedFrame(payload: Buffer): Buffer {
  const mask = Buffer.of(0x5a, 0xa5, 0x3c, 0xc3)
  const head = Buffer.alloc(4)
  head.writeUInt8(0x82, 0)
  head.writeUInt8(0x80 | 126, 1)
  head.writeUInt16BE(payload.length, 2)
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i & 3] ?? 0))])
}

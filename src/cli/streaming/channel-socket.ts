import { WebSocket } from 'ws'
import { unavailable } from '../../lib/errors.ts'

/** How long the runtime may take to answer at the URL that it gave, in milliseconds. */
const handshakeTimeout = 10_000

/** The v5 message that ends a channel: this byte, then the channel. */
const closeChannel = 255

export interface ChannelListener {
  /** Answers false to get no more until `resume`. What came already may still follow. */
  onData(channel: number, data: Buffer): boolean
  /** The connection has ended; `reason` when the other end gave one. */
  onClose(reason: string): void
}

/**
 * A WebSocket with Kubernetes' channels: the first byte of a binary message names the channel that the rest belongs to
 * (`v4.channel.k8s.io`; in v5 a channel can also be ended).
 */
export class ChannelSocket {
  readonly #socket: WebSocket

  private constructor(socket: WebSocket, listener: ChannelListener) {
    this.#socket = socket
    socket.on('message', (message: Buffer) => {
      const [channel] = message
      if (channel !== undefined && !listener.onData(channel, message.subarray(1))) socket.pause()
    })
    // 'close' follows.
    socket.on('error', () => {})
    socket.once('close', (_, reason) => listener.onClose(String(reason)))
  }

  /**
   * @param url as the runtime answered it, `http://…` or `https://…`
   * @throws unavailable when nobody answers there, or not with a WebSocket
   */
  static open(
    url: string,
    protocols: readonly string[],
    listener: ChannelListener,
    signal: AbortSignal,
  ): Promise<ChannelSocket> {
    const address = new URL(url)
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(address, [...protocols], {
      handshakeTimeout,
      perMessageDeflate: false,
      maxPayload: 64 * 1024 * 1024,
      // A runtime on this machine has a certificate that nobody signed, and nobody in between.
      rejectUnauthorized: !/^(localhost|127\..*|\[::1\])$/.test(address.hostname),
    })
    // Messages may come together with the answer to the handshake.
    const channels = new ChannelSocket(socket, listener)
    const { promise, resolve, reject } = Promise.withResolvers<ChannelSocket>()
    const onAbort = () => socket.terminate()
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('open', () => resolve(channels))
    socket.once('error', (error) => {
      reject(unavailable(`cannot stream from the runtime at ${address.host}: ${error.message}`, error))
    })
    socket.once('close', () => signal.removeEventListener('abort', onAbort))
    return promise
  }

  /** The protocol that the runtime chose of those offered. */
  get protocol(): string {
    return this.#socket.protocol
  }

  /** Resolves when the data has been handed to the kernel; rejects when the connection has ended. */
  send(channel: number, data: Uint8Array): Promise<void> {
    const message = Buffer.allocUnsafe(1 + data.length)
    message[0] = channel
    message.set(data, 1)
    return this.#send(message)
  }

  /** Ends a channel. Only with v5. */
  endChannel(channel: number): Promise<void> {
    return this.#send(Buffer.of(closeChannel, channel))
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.close(1000)
  }

  #send(message: Buffer): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#socket.send(message, { binary: true }, (error) => (error ? reject(error) : resolve()))
    return promise
  }
}

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { portForward, startStreaming } from '../testing/harness.ts'
import { askUpgrade, SpdyClient } from '../../mux/testing/spdy-client.ts'

/**
 * The bytes in the binary messages of a WebSocket, by hand (RFC 6455, section 5.2): `ws` cannot ask for a subprotocol with a
 * slash in its name, as the tunnel's is.
 */
class MessageBytes extends Duplex {
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    super()
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('close', () => this.destroy())
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const head = Buffer.alloc(14)
    head.writeUInt16BE(0x82ff, 0)
    head.writeBigUInt64BE(BigInt(chunk.length), 2)
    // The mask is zero, and changes nothing.
    this.#socket.write(Buffer.concat([head, chunk]), () => done())
  }

  override _destroy(_error: Error | null, done: () => void): void {
    this.#socket.destroy()
    done()
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const [first, second] = this.#rest
      if (first === undefined || second === undefined) return
      const headLength = second === 127 ? 10 : second === 126 ? 4 : 2
      if (this.#rest.length < headLength) return
      const length =
        second === 127 ? Number(this.#rest.readBigUInt64BE(2)) : second === 126 ? this.#rest.readUInt16BE(2) : second
      if (this.#rest.length < headLength + length) return
      if ((first & 0x0f) === 2) this.push(this.#rest.subarray(headLength, headLength + length))
      this.#rest = this.#rest.subarray(headLength + length)
    }
  }
}

test('port-forward through SPDY in a WebSocket, as kubectl does it', async (t) => {
  const { server } = await startStreaming(t)
  const protocol = 'SPDY/3.1+portforward.k8s.io'
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Protocol': protocol,
  }
  const { status, head, socket } = await askUpgrade(server.url(portForward()), headers, 'GET')
  assert.equal(status, 101)
  assert.ok(head.includes(`Sec-WebSocket-Protocol: ${protocol}`))
  const client = new SpdyClient(new MessageBytes(socket))
  const open = (streamtype: string, port: string) => client.open({ streamtype, port, requestid: port })
  const error = await open('error', '80')
  const data = await open('data', '80')
  const content = randomBytes(3_000_000)
  for (let at = 0; at < content.length; at += 30_000) client.data(data, content.subarray(at, at + 30_000))
  client.data(data, '', true)
  await client.until(() => client.ended.has(data) && client.ended.has(error), 'the echo')
  assert.ok(Buffer.concat(client.received.get(data) ?? []).equals(content))
  const refused = await open('error', '1')
  await open('data', '1')
  await client.until(() => client.ended.has(refused), 'the refusal')
  assert.equal(client.text(refused), 'connection refused')
  client.transport.destroy()
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import type { ForwardedConnection, RemoteCommandSession } from '../session.ts'
import { ownClock, standingStill } from '../testing/clock.ts'
import { exec, portForward, startStreaming } from '../testing/harness.ts'
import { heldMemory } from '../testing/memory.ts'

/** A client of channels over a WebSocket: gathers what comes by channel. */
class ChannelClient {
  readonly socket: WebSocket
  readonly messages: [channel: number, content: string][] = []
  readonly opened: Promise<unknown>
  readonly closed: Promise<number>
  bytes = 0
  #changed = Promise.withResolvers<void>()

  constructor(url: string, protocols: string[], base64 = false, gather = true) {
    this.socket = new WebSocket(url.replace('http', 'ws'), protocols)
    this.opened = once(this.socket, 'open')
    this.closed = once(this.socket, 'close').then(([code]) => code as number)
    this.socket.on('message', (data) => {
      const message = data as Buffer
      this.bytes += message.length - 1
      if (gather) {
        const content = message.subarray(1)
        const text = base64 ? Buffer.from(content.toString(), 'base64').toString() : content.toString()
        this.messages.push([base64 ? (message[0] ?? 0) - 48 : (message[0] ?? 0), text])
      }
      this.#changed.resolve()
      this.#changed = Promise.withResolvers()
    })
  }

  send(channel: number, content: string | Buffer): void {
    this.socket.send(Buffer.concat([Buffer.of(channel), Buffer.from(content)]))
  }

  text(channel: number): string {
    return this.messages
      .filter(([of]) => of === channel)
      .map(([, content]) => content)
      .join('')
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#changed.promise
  }
}

test('v5: stdin has an end, the status is JSON, and the close is a proper one', async (t) => {
  const { server } = await startStreaming(t)
  const client = new ChannelClient(server.url(exec()), ['v5.channel.k8s.io', 'v4.channel.k8s.io'])
  await client.opened
  assert.equal(client.socket.protocol, 'v5.channel.k8s.io')
  client.send(0, 'hello ')
  client.send(0, 'world')
  client.send(255, Buffer.of(0))
  assert.equal(await client.closed, 1000)
  assert.deepEqual(client.messages[0], [1, ''], 'an empty message first')
  assert.equal(client.text(1), 'hello world')
  assert.deepEqual(JSON.parse(client.text(3)), { metadata: {}, status: 'Success' })
})

test('v4: no half-close; stderr, sizes and exit codes', async (t) => {
  const { server, commands } = await startStreaming(t)
  commands.run = async (session) => {
    const [size] = (await session.resizes?.[Symbol.asyncIterator]().next())?.value ? commands.sizes : []
    session.stdout?.write(JSON.stringify(size ?? null))
    session.stderr?.write('e')
    await session.finish({ type: 'exited', exitCode: 7 })
  }
  const client = new ChannelClient(server.url(exec({ stderr: true })), ['v4.channel.k8s.io'])
  await client.closed
  assert.equal(client.text(2), 'e')
  assert.equal(JSON.parse(client.text(3)).details.causes[0].message, '7')

  commands.run = async (session) => {
    for await (const chunk of session.stdin ?? []) {
      session.stdout?.write(chunk)
      if (String(chunk) === 'q') break
    }
    await session.finish({ type: 'exited', exitCode: 0 })
  }
  const tty = new ChannelClient(server.url(exec({ tty: true })), ['v4.channel.k8s.io'])
  await tty.opened
  tty.send(4, '{"Width":80,"Height":24}')
  tty.send(255, Buffer.of(0))
  tty.send(0, 'q')
  await tty.closed
  assert.equal(tty.text(1), 'q')
  assert.deepEqual(commands.sizes, [{ width: 80, height: 24 }])
})

test('the older ones: base64, and those without a status', async (t) => {
  const { server, commands } = await startStreaming(t)
  commands.run = async (session) => {
    const [chunk] = await once(session.stdin ?? new Readable(), 'data')
    session.stdout?.write(`<${chunk}>`)
    await session.finish({ type: 'exited', exitCode: 5 })
  }
  for (const protocol of ['', 'channel.k8s.io', 'base64.channel.k8s.io', 'v4.base64.channel.k8s.io']) {
    const base64 = protocol.includes('base64')
    const client = new ChannelClient(server.url(exec()), protocol ? [protocol] : [], base64)
    await client.opened
    if (base64) client.socket.send(`0${Buffer.from('in').toString('base64')}`)
    else client.socket.send('\0in')
    await client.closed
    assert.equal(client.text(1), '<in>', protocol)
    assert.match(client.text(3), protocol.startsWith('v4') ? /"ExitCode"/ : /^command terminated .*: 5$/, protocol)
  }
})

test('a subprotocol that nobody has is 403', async (t) => {
  const { server } = await startStreaming(t)
  const socket = new WebSocket(server.url(exec()).replace('http', 'ws'), ['v9.channel.k8s.io'])
  const [error] = await once(socket, 'error')
  assert.match(String(error), /403/)
})

test('when the client goes, the session knows', async (t) => {
  const { server, commands } = await startStreaming(t)
  const started = Promise.withResolvers<RemoteCommandSession>()
  commands.run = async (session) => {
    started.resolve(session)
    await new Promise<void>((resolve) => session.gone.addEventListener('abort', () => resolve()))
  }
  const client = new ChannelClient(server.url(exec()), ['v4.channel.k8s.io'])
  await client.opened
  const session = await started.promise
  client.socket.terminate()
  if (!session.gone.aborted) await once(session.gone, 'abort')
  assert.ok(session.stdin?.destroyed)
  await session.finish({ type: 'exited', exitCode: 0 })
})

test('messages that mean nothing, or too much, do no harm', async (t) => {
  const { server } = await startStreaming(t)
  const client = new ChannelClient(server.url(exec()), ['v5.channel.k8s.io'])
  await client.opened
  for (const bytes of [[], [9, 1], [255], [255, 77], [255, 0, 0], [1, 65], [200]])
    client.socket.send(Buffer.from(bytes))
  client.send(0, 'x')
  client.send(255, Buffer.of(0))
  client.send(0, 'after the end')
  await client.closed
  assert.equal(client.text(1), 'x')
  const huge = new ChannelClient(server.url(exec()), ['v5.channel.k8s.io'])
  await huge.opened
  huge.send(0, Buffer.alloc(17 << 20))
  assert.notEqual(await huge.closed, 1000)
})

test('sessions are kept alive with pings, and closed when idle', { timeout: 30_000 }, async (t) => {
  const clock = ownClock(t)
  const { server } = await startStreaming(t, { limits: { idleTimeoutMs: 300, pingIntervalMs: 50 } })
  const client = new ChannelClient(server.url(exec()), ['v4.channel.k8s.io'])
  await client.opened
  for (let pings = 0; pings < 3; pings++) {
    const ping = once(client.socket, 'ping')
    clock.pass(50)
    await ping
  }
  clock.pass(150)
  assert.equal(await client.closed, 1000)
})

test('100 MB to a client that stops reading in between: all arrives, little is held', async (t) => {
  const { server, commands } = await startStreaming(t)
  const chunk = randomBytes(64 * 1024)
  const count = 1600
  let written = 0
  commands.run = async (session) => {
    const source = Readable.from(
      (function* () {
        for (; written < count; written++) yield chunk
      })(),
      { objectMode: false },
    )
    await pipeline(source, session.stdout as NonNullable<typeof session.stdout>)
    await session.finish({ type: 'exited', exitCode: 0 })
  }
  const before = heldMemory()
  const client = new ChannelClient(server.url(exec({ stdin: false })), ['v4.channel.k8s.io'], false, false)
  await client.until(() => client.bytes > 10 << 20)
  client.socket.pause()
  assert.ok((await standingStill(() => written)) < count, 'the command waits for the client')
  const held = heldMemory() - before
  assert.ok(held < 16 << 20, `${held} bytes held`)
  client.socket.resume()
  await client.closed
  assert.ok(client.bytes >= count * chunk.length)
})

test('input that a command is slow to read waits with the client', async (t) => {
  const { server, commands } = await startStreaming(t)
  const go = Promise.withResolvers<void>()
  commands.run = async (session) => {
    await go.promise
    let count = 0
    for await (const chunk of session.stdin ?? []) count += (chunk as Buffer).length
    session.stdout?.write(`${count}`)
    await session.finish({ type: 'exited', exitCode: 0 })
  }
  const client = new ChannelClient(server.url(exec()), ['v5.channel.k8s.io'])
  await client.opened
  const before = heldMemory()
  const chunk = Buffer.alloc(32 * 1024)
  for (let i = 0; i < 1000; i++) client.send(0, chunk)
  client.send(255, Buffer.of(0))
  await new Promise((resolve) => setTimeout(resolve, 500))
  assert.ok(client.socket.bufferedAmount > 8 << 20, 'most of it is still at the client')
  assert.ok(heldMemory() - before - client.socket.bufferedAmount < 16 << 20)
  go.resolve()
  await client.closed
  assert.equal(client.text(1), `${chunk.length * 1000}`)
})

test('port-forward: two channels a port, each with the port in front', async (t) => {
  const { server } = await startStreaming(t)
  for (const protocol of ['v4.channel.k8s.io', '']) {
    const client = new ChannelClient(server.url(portForward(8080, 1)), protocol ? [protocol] : [])
    await client.opened
    client.send(0, 'through')
    await client.until(() => client.text(0).endsWith('through') && client.text(3).endsWith('refused'))
    assert.equal(client.text(0), '\x90\x1fthrough'.replace('\x90', Buffer.of(0x90).toString()))
    assert.equal(client.text(1), Buffer.of(0x90, 0x1f).toString())
    assert.equal(client.text(3), '\x01\x00connection refused')
    client.socket.close()
    await client.closed
  }
})

test('port-forward: when the last connection has ended, so does the WebSocket', async (t) => {
  const { server, commands } = await startStreaming(t)
  const connections: ForwardedConnection[] = []
  commands.forward = async (connection) => {
    connections.push(connection)
    connection.output.end(`bye from ${connection.port}`)
  }
  const client = new ChannelClient(server.url(portForward(80, 81)), ['v4.channel.k8s.io'])
  assert.equal(await client.closed, 1000)
  assert.match(client.text(0), /bye from 80$/)
  assert.match(client.text(2), /bye from 81$/)
  assert.equal(connections.length, 2)
})

test('port-forward: the ports may be in the URL; without any it is 400', async (t) => {
  const { server } = await startStreaming(t)
  const client = new ChannelClient(`${server.url(portForward())}?port=80,81&port=82`, ['v4.channel.k8s.io'])
  await client.opened
  client.send(4, 'x')
  await client.until(() => client.text(4).endsWith('x'))
  client.socket.terminate()
  for (const query of ['', '?port=0', '?port=80,http']) {
    const socket = new WebSocket(`${server.url(portForward())}${query}`.replace('http', 'ws'), ['v4.channel.k8s.io'])
    assert.match(String((await once(socket, 'error'))[0]), /400/)
  }
})

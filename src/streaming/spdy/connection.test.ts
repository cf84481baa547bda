import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { exec, openExec, portForward, startStreaming } from '../testing/harness.ts'
import { heldMemory } from '../testing/memory.ts'
import { SpdyClient, words } from '../../mux/testing/spdy-client.ts'

const types = ['error', 'stdin', 'stdout']

/** A client of port-forward, which may open as many streams as it likes. */
async function forwardClient(t: TestContext, options = {}) {
  const { server, commands } = await startStreaming(t, options)
  return { client: await SpdyClient.connect(server.url(portForward()), 'portforward.k8s.io'), commands, server }
}

test('every reply is empty, and its header block is whole for zlib', async (t) => {
  const { server } = await startStreaming(t)
  const { client } = await openExec(server.url(exec()), types)
  const replies = client.frames.filter(({ type }) => type === 2)
  assert.deepEqual(
    replies.map(({ id }) => id),
    [1, 3, 5],
  )
  for (const { body } of replies) assert.equal((await client.inflate(body.subarray(4))).toString('hex'), '00000000')
})

test('nothing is sent before the client has', async (t) => {
  const { client } = await forwardClient(t, { limits: { pingIntervalMs: 20 } })
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(client.frames.length, 0)
})

const breaches: [string, (client: SpdyClient) => Promise<unknown> | unknown][] = [
  [
    'an even stream id',
    async (c) => c.frame(1, 0, Buffer.concat([words(2, 0), Buffer.alloc(2), await c.headerBlock({})])),
  ],
  [
    'the stream id 0',
    async (c) => c.frame(1, 0, Buffer.concat([words(0, 0), Buffer.alloc(2), await c.headerBlock({})])),
  ],
  [
    'a stream id that was there',
    async (c) => {
      const id = await c.open({ streamtype: 'error', port: '80' }, 7)
      c.frame(1, 0, Buffer.concat([words(id, 0), Buffer.alloc(2), await c.headerBlock({})]))
    },
  ],
  [
    'a stream id that goes back',
    async (c) => {
      await c.open({ streamtype: 'error', port: '80' }, 7)
      c.frame(1, 0, Buffer.concat([words(5, 0), Buffer.alloc(2), await c.headerBlock({})]))
    },
  ],
  ['data on a stream that was never opened', (c) => c.data(9, 'x')],
  ['data on stream 0', (c) => c.data(0, 'x')],
  ['a frame of another version', (c) => c.frame(6, 0, words(1), 2)],
  ['a frame with a wrong length', (c) => c.frame(9, 0, words(1))],
  [
    'a header block that is none',
    (c) => c.frame(1, 0, Buffer.concat([words(1, 0), Buffer.alloc(2), Buffer.alloc(50, 7)])),
  ],
  [
    'a zip bomb',
    async (c) => {
      const content = Buffer.concat([words(1, 1), Buffer.from('a'), words(4 << 20), Buffer.alloc(4 << 20)])
      c.frame(1, 0, Buffer.concat([words(1, 0), Buffer.alloc(2), await c.deflate(content)]))
    },
  ],
]

for (const [what, breach] of breaches) {
  test(`${what} ends the connection with a protocol error`, async (t) => {
    const { client } = await forwardClient(t, { limits: { lingerMs: { polite: 0, final: 0 } } })
    await breach(client)
    await client.until(() => client.goaway === 1 && client.closed, 'GOAWAY')
  })
}

test('frames that mean nothing to a server do no harm', async (t) => {
  const { server } = await startStreaming(t)
  const { client, id } = await openExec(server.url(exec()), types)
  client.frame(77, 0, Buffer.alloc(3000, 1))
  client.frame(4, 0, words(1, 0x01000004, 100))
  client.frame(2, 0, Buffer.concat([words(id('stdin')), await client.headerBlock({})]))
  client.rst(1001)
  client.frame(9, 0, words(1001, 500))
  client.frame(8, 0, Buffer.concat([words(1001), await client.headerBlock({ a: 'b' })]))
  client.data(id('error'), 'nobody reads this')
  client.data(id('stdin'), '', false)
  const { client: other, id: otherId } = await openExec(server.url(exec()), types)
  other.data(otherId('stdin'), 'ok', true)
  await other.until(() => other.text(otherId('error')) !== '', 'the other session ends well')
  assert.equal(other.text(otherId('stdout')), 'ok')
  assert.equal(client.goaway, undefined)
  client.transport.destroy()
})

test('data after the end of a stream resets it; what was under way after a reset is dropped', async (t) => {
  const { client, commands } = await forwardClient(t)
  commands.forward = async () => {}
  const error = await client.open({ streamtype: 'error', port: '80' })
  const data = await client.open({ streamtype: 'data', port: '80' })
  client.data(data, 'x', true)
  client.data(data, 'y')
  await client.until(() => client.resets.get(data) === 9, 'RST_STREAM')
  client.data(data, 'z')
  client.data(data, 'z', true)
  client.data(error, '', true)
  await client.open({ streamtype: 'error', port: '81' })
  assert.equal(client.goaway, undefined)
})

test('streams that nobody asked for are refused, as are more than there may be', async (t) => {
  const { server } = await startStreaming(t)
  const { client, id } = await openExec(server.url(exec()), ['error', 'stdin'])
  for (const headers of [{ streamtype: 'shell' }, {}, { streamtype: 'stdin' }]) {
    assert.equal(client.resets.get(await client.open(headers as Record<string, string>)), 3)
  }
  const stdout = await client.open({ streamtype: 'stdout' })
  client.data(id('stdin'), 'still there', true)
  await client.until(() => client.ended.has(stdout), 'the end')
  assert.equal(client.text(stdout), 'still there')

  const { client: flood } = await forwardClient(t)
  for (let i = 0; i < 1100; i++) {
    const block = await flood.headerBlock({ streamtype: 'error', port: '80', requestid: `${i}` })
    flood.frame(1, 0, Buffer.concat([words(i * 2 + 1, 0), Buffer.alloc(2), block]))
  }
  await flood.until(() => flood.resets.size === 100, 'those beyond a thousand are refused')
})

test('after GOAWAY of the client and the end of its streams, the connection is closed', async (t) => {
  const { client } = await forwardClient(t, { limits: { lingerMs: { polite: 0, final: 100 } } })
  const id = await client.open({ streamtype: 'error', port: '80' })
  client.frame(7, 0, words(0, 0))
  const late = await client.open({ streamtype: 'error', port: '81' })
  assert.equal(client.resets.get(late), 3)
  client.rst(id)
  await client.until(() => client.closed, 'the end')
})

test('a command that ends after the GOAWAY of the client is not answered twice', async (t) => {
  const { server } = await startStreaming(t)
  const { client, id } = await openExec(server.url(exec()), types)
  client.frame(7, 0, words(0, 0))
  client.data(id('stdin'), 'x', true)
  await client.until(() => client.closed, 'the end')
  assert.equal(client.text(id('stdout')), 'x')
  assert.equal(client.frames.filter(({ type }) => type === 7).length, 1)
})

test('a client that keeps windows is held to them, stream by stream', async (t) => {
  const { server, commands } = await startStreaming(t)
  const sent = Promise.withResolvers<void>()
  commands.run = async (session) => {
    session.stdout?.write(Buffer.alloc(300_000, 'x'), () => sent.resolve())
    session.stderr?.end('not held up')
    await sent.promise
    await session.finish({ type: 'exited', exitCode: 0 })
  }
  const client = await SpdyClient.connect(server.url(exec({ stdin: false, stderr: true })), 'v4.channel.k8s.io')
  await client.open({ streamtype: 'error' })
  const stdout = await client.open({ streamtype: 'stdout' })
  // The client shows that it counts, and that it wants 100 KB of stdout at first.
  client.frame(4, 0, words(1, 7, 65536))
  client.frame(9, 0, words(stdout, 100_000 - 65536))
  client.frame(9, 0, words(0, 1_000_000))
  const stderr = await client.open({ streamtype: 'stderr' })
  const got = () => Buffer.concat(client.received.get(stdout) ?? []).length
  await client.until(() => got() >= 100_000 && client.ended.has(stderr), 'the first window')
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal(got(), 100_000)
  client.frame(9, 0, words(stdout, 50_000))
  await client.until(() => got() === 150_000, 'the second')
  client.frame(4, 0, words(1, 7, 65536 + 200_000))
  await client.until(() => client.ended.has(stdout), 'the rest, as the settings widen all windows')
  assert.equal(got(), 300_000)
  client.transport.destroy()
})

test('what is read opens the windows of the client again', async (t) => {
  const { server } = await startStreaming(t)
  const { client, id } = await openExec(server.url(exec()), types)
  for (let i = 0; i < 10; i++) client.data(id('stdin'), Buffer.alloc(20_000))
  client.data(id('stdin'), '', true)
  await client.until(() => client.ended.has(id('error')), 'the end')
  const opened = (stream: number) =>
    client.frames.filter((f) => f.type === 9 && f.id === stream).reduce((sum, f) => sum + f.body.readUInt32BE(4), 0)
  assert.ok(opened(id('stdin')) > 200_000 - 65536, `${opened(id('stdin'))}`)
  assert.ok(opened(0) > 200_000 - 65536)
})

test('a ping flood of a client that does not listen is not answered in memory', async (t) => {
  const { client } = await forwardClient(t)
  await client.open({ streamtype: 'error', port: '80' })
  client.transport.pause()
  const before = heldMemory()
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.concat([words(0x80030006, 4, 1)])))
  const drains = () =>
    new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, 1500, false)
      client.transport.once('drain', () => {
        clearTimeout(timer)
        resolve(true)
      })
    })
  let written = 0
  while (written < 300 && (client.transport.write(pings) || (await drains()))) written++
  assert.ok(written < 300, 'the server stops reading')
  const held = heldMemory() - before
  assert.ok(held < 16 << 20, `${held} bytes held`)
  client.transport.destroy()
})

test('random frames never bring the server down', { timeout: 60_000 }, async (t) => {
  const random = seeded(20_240_611)
  const { server, commands } = await startStreaming(t, { limits: { lingerMs: { polite: 0, final: 50 } } })
  const end = performance.now() + 3000
  for (let connections = 0; connections < 30 || performance.now() < end; connections++) {
    const forward = random(2) === 0
    const url = server.url(forward ? portForward() : exec({ tty: random(2) === 0 }))
    const client = await SpdyClient.connect(url, forward ? 'portforward.k8s.io' : 'v4.channel.k8s.io')
    for (let i = random(60); i > 0 && !client.closed; i--) await randomFrame(client, random)
    if (random(2) === 0) await new Promise((resolve) => setTimeout(resolve, random(5)))
    client.transport.destroy()
  }
  const { client, id } = await openExec(server.url(exec()), types)
  client.data(id('stdin'), 'alive', true)
  await client.until(() => client.ended.has(id('stdout')), 'a session after all that')
  assert.equal(client.text(id('stdout')), 'alive')
  client.transport.destroy()
  const deadline = performance.now() + 20_000
  while (commands.running > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(commands.running, 0)
})

async function randomFrame(client: SpdyClient, random: (below: number) => number): Promise<void> {
  const id = random(12)
  const bytes = Buffer.from(Array.from({ length: random(40) }, () => random(256)))
  const streamtype = ['error', 'stdin', 'stdout', 'stderr', 'resize', 'data', ''][random(7)] ?? ''
  switch (random(10)) {
    case 0:
    case 1:
    case 2: {
      const block = await client.headerBlock({ streamtype, port: `${random(3)}`, requestid: `${random(4)}` })
      client.frame(1, random(8) === 0 ? random(4) : 0, Buffer.concat([words(id * 2 + 1, 0), Buffer.alloc(2), block]))
      return
    }
    case 3:
    case 4:
      client.data(id * 2 + 1, Buffer.alloc(random(70_000), '{"Width":1,"Height":2}'), random(4) === 0)
      return
    case 5:
      client.rst(id * 2 + 1, random(12))
      return
    case 6:
      client.frame(9, 0, words(id, (random(65536) << 15) >>> 0))
      return
    case 7:
      client.frame(4, 0, words(1, 7, (random(65536) << 15) >>> 0))
      return
    case 8:
      if (random(5) === 0) client.frame(random(12), random(256), bytes, random(20) === 0 ? 2 : 3)
      return
    default:
      if (random(20) === 0) client.transport.write(bytes)
  }
}

/** The same numbers at every run (mulberry32). */
function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

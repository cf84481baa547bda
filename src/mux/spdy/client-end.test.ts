import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { silentLogger } from '../../lib/log.ts'
import type { MuxStream } from '../mux-stream.ts'
import { SpdyClient, words } from '../testing/spdy-client.ts'
import { defaultTransportLimits } from '../transport-limits.ts'
import { type IncomingStream, SpdyConnection } from './connection.ts'

const options = {
  limits: { ...defaultTransportLimits, lingerMs: { polite: 0, final: 100 } },
  log: silentLogger,
}

/** Both ends of a connection; the server refuses streams with a header `refuse`. */
function connect(t: TestContext, use: (incoming: IncomingStream) => void) {
  const [near, far] = duplexPair()
  const accept = (headers: ReadonlyMap<string, string>) => !headers.has('refuse')
  const server = new SpdyConnection(far, { ...options, incoming: { maxStreams: 10, accept, stream: use } })
  const client = new SpdyConnection(near, options)
  t.after(() => {
    client.destroy()
    server.destroy()
  })
  return { client, server }
}

const named = (name: string) => new Map([['streamtype', name]])

test('streams carry data both ways, and each direction ends on its own', async (t) => {
  const { client } = connect(t, ({ headers, stream }) => {
    void text(stream).then((all) => stream.end(`${headers.get('streamtype')} got ${all}`))
  })
  const answers = ['one', 'two'].map(async (name) => {
    const stream = await client.open(named(name))
    stream.write('data ')
    stream.end(name)
    return text(stream)
  })
  assert.deepEqual(await Promise.all(answers), ['one got data one', 'two got data two'])
})

test('a megabyte arrives as it was', async (t) => {
  const { client } = connect(t, ({ stream }) => void stream.pipe(stream))
  const stream = await client.open(named('echo'))
  const sent = Buffer.alloc(1_000_000, 'some text')
  stream.end(sent)
  assert.ok((await buffer(stream)).equals(sent))
})

test('a refused stream, and one on a connection that ends, are not opened', async (t) => {
  const { client } = connect(t, () => {})
  await assert.rejects(client.open(new Map([['refuse', '1']])), /refused to open/)
  const [near, silent] = duplexPair()
  const waiting = new SpdyConnection(near, options)
  const opening = waiting.open(named('late'))
  silent.end()
  await assert.rejects(opening, /ended before/)
  await assert.rejects(waiting.open(named('later')), /has ended/)
})

for (const [how, end] of [
  ['resets the stream', (client: SpdyClient, id: number) => client.rst(id)],
  ['hangs up', (client: SpdyClient) => client.transport.end()],
] as const) {
  test(`what came before the server ${how} is read, and known to be cut off`, async (t) => {
    const [near, far] = duplexPair()
    const client = new SpdyConnection(near, options)
    t.after(() => client.destroy())
    const server = new SpdyClient(far)
    const opening = client.open(named('stdout'))
    await server.until(() => server.frames.some(({ type }) => type === 1), 'the stream')
    server.frame(2, 0, Buffer.concat([words(1), await server.headerBlock({})]))
    const stream: MuxStream = await opening
    server.data(1, 'the last words')
    end(server, 1)
    assert.equal(await text(stream), 'the last words')
    assert.equal(stream.cutOff, true)
  })
}

test('writing to a stream that the server has reset is of no effect', async (t) => {
  const { client } = connect(t, ({ stream }) => void stream.destroy())
  const stream = await client.open(named('stdin'))
  stream.resume()
  await once(stream, 'end')
  await new Promise((resolve) => stream.write('nobody reads this', resolve))
  assert.equal(stream.cutOff, true)
})

test('a client opens no streams for a server', async (t) => {
  const { server, client } = connect(t, () => {})
  await assert.rejects(server.open(named('x')), TypeError)
  assert.equal(client.gone.aborted, false)
})

test('a client sends no window updates: its server may have hung up by then', async (t) => {
  const [near, far] = duplexPair()
  const client = new SpdyConnection(near, options)
  t.after(() => client.destroy())
  const server = new SpdyClient(far)
  const opening = client.open(named('stdout'))
  await server.until(() => server.frames.some(({ type }) => type === 1), 'the stream')
  server.frame(2, 0, Buffer.concat([words(1), await server.headerBlock({})]))
  const received = opening.then(buffer)
  for (let i = 0; i < 10; i++) server.data(1, Buffer.alloc(64 * 1024), i === 9)
  assert.equal((await received).length, 640 * 1024)
  assert.deepEqual(
    server.frames.map(({ type }) => type),
    [1],
  )
})

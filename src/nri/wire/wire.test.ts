import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type Duplex, duplexPair } from 'node:stream'
import { test } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { ConfigureResponseSchema, Plugin } from '../../gen/nri_pb.ts'
import { RequestSchema } from '../../gen/ttrpc_pb.ts'
import { FrameReader } from './frame-reader.ts'
import { Mux } from './mux.ts'
import { TtrpcClient } from './ttrpc-client.ts'
import { maxMessage, messageType, ttrpcMessage } from './ttrpc-frame.ts'
import { TtrpcServer } from './ttrpc-server.ts'

test('frames come whole, however the stream is cut', () => {
  const message = Buffer.concat([ttrpcMessage(1, 1, Buffer.from('first')), ttrpcMessage(3, 2, Buffer.from(''))])
  for (const size of [1, 2, 7, 10, 11, 15, 16, message.length]) {
    const seen: string[] = []
    const reader = new FrameReader({ headerBytes: 10, lengthAt: 0, maxBody: 5 }, (header, body) => {
      seen.push(`${header.readUInt32BE(4)}:${body}`)
    })
    for (let at = 0; at < message.length; at += size) reader.push(message.subarray(at, at + size))
    assert.deepEqual(seen, ['1:first', '3:'])
  }
})

test('a frame that is too long is refused by its header', () => {
  const reader = new FrameReader({ headerBytes: 10, lengthAt: 0, maxBody: 5 }, () => assert.fail('no frame'))
  assert.throws(() => reader.push(ttrpcMessage(1, 1, Buffer.from('longer')).subarray(0, 10)), /6 bytes, .* at most 5/)
})

/** Two ends of a stream with a mux on each, and why each ended. */
function muxes() {
  const [left, right] = duplexPair()
  const ends: string[] = []
  const ended = Promise.withResolvers<void>()
  const a = new Mux(left, (reason) => {
    ends.push(reason)
    ended.resolve()
  })
  const b = new Mux(right, () => {})
  return { a, b, left, right, ends, ended: ended.promise }
}

function rawFrame(id: number, length: number, body = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32BE(id, 0)
  header.writeUInt32BE(length, 4)
  return Buffer.concat([header, body])
}

test('the connections of a mux do not mix; a long message is a frame of 4096 bytes and one with the rest', async () => {
  const { a, b } = muxes()
  const pieces: Record<number, number[]> = { 1: [], 2: [] }
  const { promise, resolve } = Promise.withResolvers<void>()
  b.open(1, (piece) => pieces[1]?.push(piece.length))
  b.open(2, (piece) => {
    pieces[2]?.push(piece.length)
    resolve()
  })
  a.send(1, Buffer.alloc(4096))
  a.send(1, Buffer.alloc(100_000))
  a.send(2, Buffer.alloc(3))
  await promise
  assert.deepEqual(pieces, { 1: [4096, 4096, 95_904], 2: [3] })
})

const hostile: [string, Buffer, RegExp][] = [
  ['noise', Buffer.from('GET / HTTP/1.1\r\nHost: nri\r\n\r\n'), /at most/],
  ['an unknown connection', rawFrame(3, 1, Buffer.from('x')), /no connection 3/],
  ['an empty frame', rawFrame(1, 0), /an empty frame/],
  ['a frame that would fill the memory', rawFrame(1, 0xffff_ffff), /4294967295 bytes/],
]
for (const [name, bytes, reason] of hostile) {
  test(`${name} ends the mux, once`, async () => {
    const { a, left, right, ends, ended } = muxes()
    a.open(1, () => {})
    right.write(bytes)
    right.write(bytes)
    await ended
    if (!left.closed) await once(left, 'close')
    assert.equal(ends.length, 1)
    assert.match(ends[0] ?? '', reason)
    a.send(1, Buffer.from('nobody gets this'))
  })
}

test('a peer that never reads is given up', () => {
  const written: number[] = []
  const stream = Object.assign(duplexPair()[0], { write: (chunk: Buffer) => written.push(chunk.length) > 0 })
  Object.defineProperty(stream, 'writableLength', { get: () => written.reduce((sum, bytes) => sum + bytes, 0) })
  const ends: string[] = []
  const mux = new Mux(stream as unknown as Duplex, (reason) => ends.push(reason))
  while (ends.length === 0) mux.send(1, Buffer.alloc(1024 * 1024))
  assert.deepEqual(ends, ['it does not read what it is sent'])
  assert.ok(written.length < 40)
})

/** A client and a server of the Plugin service that speak with each other, or with the test in the place of one. */
function pair(methods: ConstructorParameters<typeof TtrpcServer>[1] = {}) {
  const server = new TtrpcServer(Plugin.typeName, methods, (message) => client.push(message))
  const client = new TtrpcClient((message) => server.push(message))
  return { client, server }
}
const configure = Plugin.method.configure

test('a call and its answer', async () => {
  const answer = toBinary(ConfigureResponseSchema, create(ConfigureResponseSchema, { events: 8 }))
  const { client } = pair({ Configure: () => answer })
  const result = await client.call(configure, { config: 'x' }, 1000)
  assert.equal(result.kind === 'answered' && result.value.events, 8)
})

test('a refusal, an unknown method, an answer that is no message', async () => {
  const { client } = pair({
    Configure: () => {
      throw new Error('not today')
    },
    Shutdown: () => Buffer.from([0xff, 0xff]),
  })
  assert.deepEqual(await client.call(configure, {}, 1000), { kind: 'refused', code: 2, message: 'not today' })
  const unknown = await client.call(Plugin.method.stateChange, {}, 1000)
  assert.deepEqual(unknown.kind === 'refused' && unknown.code, 12)
  assert.equal((await client.call(Plugin.method.shutdown, {}, 1000)).kind, 'lost')
})

test('no answer in time, and none after the end', async () => {
  const client = new TtrpcClient(() => {})
  assert.deepEqual(await client.call(configure, {}, 5), {
    kind: 'lost',
    reason: 'it has not answered Configure for 5 ms',
  })
  const waiting = client.call(configure, {}, 60_000)
  client.close('gone')
  assert.deepEqual(await waiting, { kind: 'lost', reason: 'gone' })
  assert.deepEqual(await client.call(configure, {}, 1000), { kind: 'lost', reason: 'gone' })
})

test('a request that is too long is not sent', async () => {
  const client = new TtrpcClient(() => assert.fail('nothing is sent'))
  const result = await client.call(configure, { config: 'x'.repeat(maxMessage) }, 1000)
  assert.equal(result.kind === 'refused' && result.code, 8)
})

test('answers to calls that were not made, and calls where answers are due, are no ttRPC', () => {
  const { client, server } = pair()
  assert.throws(() => client.push(ttrpcMessage(1, messageType.response, Buffer.alloc(0))), /which was not made/)
  assert.throws(() => client.push(ttrpcMessage(1, messageType.request, Buffer.alloc(0))), /where an answer is due/)
  assert.throws(() => server.push(ttrpcMessage(1, messageType.response, Buffer.alloc(0))), /where a call is due/)
  assert.throws(() => server.push(ttrpcMessage(2, messageType.request, Buffer.alloc(0))), /a call numbered 2/)
  assert.throws(() => server.push(ttrpcMessage(3, messageType.request, Buffer.from([0xff]))), /a call that is not one/)
})

test('a flood of calls is refused', () => {
  const never = new Promise<Uint8Array>(() => {})
  const server = new TtrpcServer(Plugin.typeName, { Configure: () => never }, () => {})
  const body = toBinary(RequestSchema, create(RequestSchema, { service: Plugin.typeName, method: 'Configure' }))
  const flood = () => {
    for (let call = 1; call < 1001; call += 2) server.push(ttrpcMessage(call, messageType.request, body))
  }
  assert.throws(flood, /more than 64 calls at once/)
})

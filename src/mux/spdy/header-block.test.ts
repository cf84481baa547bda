import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { SpdyClient, words } from '../testing/spdy-client.ts'
import { headerDictionary } from './dictionary.ts'
import { HeaderReader, HeaderWriter } from './header-block.ts'

/** A client for its compression alone. */
const compressor = () => new SpdyClient(new PassThrough())

test('the dictionary is that of SPDY/3, by its length and its sum', () => {
  assert.equal(headerDictionary.length, 1423)
  // The head of a zlib stream names the dictionary by its Adler-32 sum.
  assert.equal(deflateSync('x', { dictionary: headerDictionary }).readUInt32BE(2), 0xe3c6a7c2)
})

test('blocks of one zlib stream are read one by one, also where they refer to those before', async () => {
  const client = compressor()
  const reader = new HeaderReader()
  let previous = Number.POSITIVE_INFINITY
  for (let i = 0; i < 50; i++) {
    const block = await client.headerBlock({ streamtype: 'data', port: '8080', requestid: `${i}` })
    assert.deepEqual(
      [...reader.read(block)],
      [
        ['streamtype', 'data'],
        ['port', '8080'],
        ['requestid', `${i}`],
      ],
    )
    if (i < 2) assert.ok(block.length < previous, 'the second block is shorter: it refers to the first')
    previous = block.length
  }
})

test('history longer than the window of deflate is kept only as far as it reaches', async () => {
  const client = compressor()
  const reader = new HeaderReader()
  for (let i = 0; i < 20; i++) {
    const value = `${i}${'abcdefghij'.repeat(500)}`
    assert.equal(reader.read(await client.headerBlock({ value })).get('value'), value)
  }
})

test('what the writer makes, zlib reads to its last byte, block by block', async () => {
  const writer = new HeaderWriter()
  const client = compressor()
  for (const headers of [new Map<string, string>(), new Map([['a', 'b']]), new Map<string, string>()]) {
    const block = writer.write(headers)
    assert.deepEqual(block.subarray(-4), Buffer.from([0, 0, 0xff, 0xff]))
    const content = await client.inflate(block)
    assert.equal(content.readUInt32BE(0), headers.size)
  }
  const [reader, again] = [new HeaderReader(), new HeaderWriter()]
  assert.equal(reader.read(again.write(new Map([['Name', 'value']]))).get('name'), 'value')
})

test('a block that inflates to too much is refused, not inflated', async () => {
  const client = compressor()
  const bomb = await client.deflate(
    Buffer.concat([words(1, 4), Buffer.from('name'), words(64 << 20), Buffer.alloc(64 << 20)]),
  )
  const before = process.memoryUsage().arrayBuffers
  assert.throws(() => new HeaderReader().read(bomb), { code: 'invalid-argument' })
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 << 20)
})

test('what is no header block is refused', async () => {
  const bad: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['no zlib', Buffer.from('hello world')],
    ['another dictionary', deflateSync('x', { dictionary: Buffer.from('other') })],
    ['cut off', (await compressor().headerBlock({ a: 'b' })).subarray(0, -1)],
    ['garbage', Buffer.concat([(await compressor().headerBlock({})).subarray(0, 6), Buffer.alloc(20, 0xee)])],
    ['more headers than it says', await compressor().deflate(words(2, 1))],
    ['too many headers', await compressor().deflate(words(1_000_000))],
    ['a value beyond the end', await compressor().deflate(Buffer.concat([words(1, 1), Buffer.from('a'), words(1000)]))],
    ['an empty name', await compressor().headerBlock({ '': 'x' })],
    ['a name twice', await compressor().headerBlock({ a: 'x', A: 'y' })],
  ]
  for (const [what, block] of bad)
    assert.throws(() => new HeaderReader().read(block), { code: 'invalid-argument' }, what)
})

test('of several values the first counts', async () => {
  const headers = new HeaderReader().read(await compressor().headerBlock({ streamtype: 'error\0data' }))
  assert.equal(headers.get('streamtype'), 'error')
})

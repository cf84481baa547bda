import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { TerminalSize } from '../session.ts'
import { readResizes } from './resizes.ts'

async function sizesIn(...chunks: string[]): Promise<TerminalSize[]> {
  return await Array.fromAsync(readResizes(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))))
}

test('sizes are read however they are cut', async () => {
  const two = [
    { width: 80, height: 24 },
    { width: 120, height: 40 },
  ]
  assert.deepEqual(await sizesIn('{"Width":80,"Height":24}{"Width":120,"Height":40}'), two)
  assert.deepEqual(await sizesIn('{"Width":80,"Hei', 'ght":24}\n {"width":120,"height":40}\n'), two)
})

test('what is no size is passed over; what is no JSON, or has no end, ends them', async () => {
  const last = { width: 1, height: 2 }
  assert.deepEqual(await sizesIn('{"Width":-1,"Height":2}{"Width":70000,"Height":2}{}{"Width":1,"Height":2}'), [last])
  assert.deepEqual(await sizesIn('{"Width":1,"Height":2} nonsense}{"Width":1,"Height":2}'), [last])
  assert.deepEqual(await sizesIn('{"Width":1,"Height":2}', '['.repeat(2000), '{"Width":1,"Height":2}'), [last])
})

test('they end when the stream breaks', async () => {
  const stream = new Readable({ read() {} })
  const sizes = Array.fromAsync(readResizes(stream))
  stream.push('{"Width":1,"Height":2}')
  setImmediate(() => stream.destroy())
  assert.deepEqual(await sizes, [{ width: 1, height: 2 }])
})

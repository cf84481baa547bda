import assert from 'node:assert/strict'
import http from 'node:http'
import { test } from 'node:test'
import { mask, unmask } from './fast-mask.ts'

const key = Uint8Array.of(0x12, 0xfe, 0x80, 0x07)

function expected(bytes: Uint8Array): number[] {
  return [...bytes].map((byte, i) => byte ^ (key[i & 3] ?? 0))
}

test('every byte is masked as byte by byte, wherever the buffer begins and ends', () => {
  const around = Uint8Array.from({ length: 64 }, (_, i) => (i * 37) & 0xff)
  for (let start = 0; start < 9; start++) {
    for (let length = 0; length < 24; length++) {
      const memory = Uint8Array.from(around)
      const bytes = memory.subarray(start, start + length)
      const right = expected(bytes)
      unmask(bytes, key)
      assert.deepEqual([...bytes], right)
      assert.deepEqual(memory.subarray(start + length), around.subarray(start + length))
      assert.deepEqual(memory.subarray(0, start), around.subarray(0, start))
      const output = new Uint8Array(64)
      mask(around.subarray(start), key, output, 5, length)
      assert.deepEqual([...output.subarray(5, 5 + length)], expected(around.subarray(start, start + length)))
    }
  }
})

test('ws finds them where it looks', () => {
  const { websocketMask, websocketUnmask } = http as unknown as Record<string, unknown>
  assert.equal(typeof websocketMask, 'function')
  assert.equal(typeof websocketUnmask, 'function')
})

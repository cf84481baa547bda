import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PodIPSchema } from '../gen/cri_pb.ts'
import { pages } from './pages.ts'

test('every item once, in order, in pages that do not outgrow their size', () => {
  const items = Array.from({ length: 100 }, (_, index) => ({ ip: String(index).padStart(18, '0') }))
  const got = [...pages(PodIPSchema, items, 200)]
  assert.deepEqual(
    got.map((page) => page.length),
    Array(10).fill(10),
  )
  assert.deepEqual(
    got.flat().map(({ ip }) => ip),
    items.map(({ ip }) => ip),
  )
})

test('an item that is longer than a page has one to itself; nothing has none', () => {
  const items = [{ ip: 'a' }, { ip: 'b'.repeat(500) }, { ip: 'c' }]
  assert.deepEqual(
    [...pages(PodIPSchema, items, 200)].map((page) => page.length),
    [1, 1, 1],
  )
  assert.deepEqual([...pages(PodIPSchema, [])], [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram, Tally } from './tally.ts'

test('counts are kept apart by the values of their labels', () => {
  const tally = new Tally('method', 'code')
  tally.add(['a', 'b'])
  tally.add(['a', ''], 5)
  tally.add(['a', 'b'], 2)
  assert.deepEqual(tally.entries(), [
    [['a', 'b'], 3],
    [['a', ''], 5],
  ])
})

test('a value counts in the bucket whose bound it does not exceed', () => {
  const histogram = new Histogram([1, 10])
  for (const value of [0.5, 1, 1.5, 10, 11]) histogram.observe([], value)
  const [entry] = histogram.entries()
  assert.deepEqual(entry, [[], { counts: Uint32Array.of(2, 2, 1), sum: 24 }])
})

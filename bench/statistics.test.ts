import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, medianRatio, quantile } from './statistics.ts'

test('a quantile lies between the two nearest values', () => {
  assert.equal(quantile([40, 10, 30, 20], 0), 10)
  assert.equal(quantile([40, 10, 30, 20], 0.5), 25)
  assert.equal(quantile([40, 10, 30, 20], 1), 40)
  assert.ok(Math.abs(quantile([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100], 0.95) - 95) < 1e-9)
})

test('of one value every quantile is that value, of nothing there is none', () => {
  assert.equal(quantile([7], 0.95), 7)
  assert.ok(Number.isNaN(median([])))
})

test('the values stay in their order', () => {
  const values = [3, 1, 2]
  assert.equal(median(values), 2)
  assert.deepEqual(values, [3, 1, 2])
})

test('a ratio compares what was measured in the same round', () => {
  // The machine was ten times slower in the last two rounds; the medians alone would say 10/20, and 100/200 as well.
  assert.equal(medianRatio([10, 10, 100, 100, 100], [20, 20, 200, 200, 20]), 0.5)
})

test('rounds that only one side has do not count', () => {
  assert.equal(medianRatio([1, 1, 1000], [2, 2]), 0.5)
  assert.ok(Number.isNaN(medianRatio([], [1])))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeSize } from './size.ts'

test('sizes have three digits and decimal units', () => {
  assert.equal(describeSize(0n), '0B')
  assert.equal(describeSize(999n), '999B')
  assert.equal(describeSize(307_351n), '307kB')
  assert.equal(describeSize(1_495_024n), '1.5MB')
  assert.equal(describeSize(12_345_678_901n), '12.3GB')
})

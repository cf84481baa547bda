import assert from 'node:assert/strict'
import { test } from 'node:test'
import { millisecondsOf } from './timeout.ts'

test('each unit', () => {
  const expected = {
    '1H': 3_600_000,
    '2M': 120_000,
    '3S': 3000,
    '40m': 40,
    '50u': 0.05,
    '60n': 0.00006,
    '99999999m': 99_999_999,
  }
  for (const [text, ms] of Object.entries(expected)) assert.ok(Math.abs((millisecondsOf(text) ?? -1) - ms) < 1e-9, text)
})

test('what is no timeout', () => {
  for (const text of ['', '1', 'S', '1s', '-1S', '1.5S', '123456789S', ' 1S', '1S, 1S']) {
    assert.equal(millisecondsOf(text), undefined, text)
  }
})

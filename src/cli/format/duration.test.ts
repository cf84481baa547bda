import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseDuration } from './duration.ts'

test('durations as Go writes them, and plain seconds', () => {
  assert.equal(parseDuration('2'), 2000)
  assert.equal(parseDuration('0.5'), 500)
  assert.equal(parseDuration('90s'), 90_000)
  assert.equal(parseDuration('1m30s'), 90_000)
  assert.equal(parseDuration('500ms'), 500)
  assert.equal(parseDuration('1.5h'), 5_400_000)
})

test('what is no duration is refused', () => {
  for (const text of ['', 'soon', '-5s', '5 s', '5s later', '1d'])
    assert.throws(() => parseDuration(text), { code: 'invalid-argument' })
})

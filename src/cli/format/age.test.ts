import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ago, describeDuration } from './age.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

test('ages in the words of crictl', () => {
  const cases: [number, string][] = [
    [-5 * second, 'Less than a second'],
    [999, 'Less than a second'],
    [second, '1 second'],
    [59 * second, '59 seconds'],
    [minute, 'About a minute'],
    [119 * second, 'About a minute'],
    [2 * minute, '2 minutes'],
    [hour, 'About an hour'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [13 * day, '13 days'],
    [14 * day, '2 weeks'],
    [59 * day, '8 weeks'],
    [60 * day, '2 months'],
    [729 * day, '24 months'],
    [730 * day, '2 years'],
  ]
  for (const [ms, words] of cases) assert.equal(describeDuration(ms), words)
})

test('an age counts from a time stamp in nanoseconds', () => {
  const now = Date.UTC(2026, 0, 2)
  assert.equal(ago(BigInt(now - 3 * minute) * 1_000_000n, now), '3 minutes ago')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTime, parseSince, parseTime } from './timestamp.ts'

test('nanoseconds survive both ways', () => {
  for (const text of ['2026-01-02T03:04:05.123456789Z', '2026-01-02T03:04:05.1Z', '2026-01-02T03:04:05Z'])
    assert.equal(formatTime(parseTime(text) ?? 0n), text)
  assert.equal(formatTime(0n), '0001-01-01T00:00:00Z')
})

test('zones count, and what is no time is none', () => {
  assert.equal(parseTime('2026-01-02T03:04:05+01:00'), parseTime('2026-01-02T02:04:05Z'))
  for (const text of ['2026-01-02', '2026-13-02T03:04:05Z', 'yesterday', '']) assert.equal(parseTime(text), undefined)
})

test('--since takes a time or a duration', () => {
  const now = Date.UTC(2026, 0, 2)
  assert.equal(parseSince('10m', now), BigInt(now - 600_000) * 1_000_000n)
  assert.equal(parseSince('2026-01-02T00:00:00.5Z', now), BigInt(now) * 1_000_000n + 500_000_000n)
  assert.equal(parseSince('2026-01-02T00:00:00', now), BigInt(new Date(2026, 0, 2).getTime()) * 1_000_000n)
  assert.throws(() => parseSince('2026-77-02', now), { code: 'invalid-argument' })
  assert.throws(() => parseSince('recently', now), { code: 'invalid-argument' })
})

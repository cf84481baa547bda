import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMilli, parseUnits } from './quantity.ts'

test('quantities in whole units', () => {
  const cases: [string, bigint][] = [
    ['0', 0n],
    ['128974848', 128_974_848n],
    ['64Mi', 64n << 20n],
    ['1.5Gi', 3n << 29n],
    ['129M', 129_000_000n],
    ['1e3', 1000n],
    ['1E', 10n ** 18n],
    ['100m', 1n],
    ['1.', 1n],
    ['0.1Ki', 103n],
  ]
  for (const [text, units] of cases) assert.equal(parseUnits(text, 'x'), units, text)
})

test('quantities in thousandths', () => {
  const cases: [string, bigint][] = [
    ['1', 1000n],
    ['250m', 250n],
    ['0.1', 100n],
    ['1.5', 1500n],
    ['1u', 1n],
    ['2k', 2_000_000n],
  ]
  for (const [text, milli] of cases) assert.equal(parseMilli(text, 'x'), milli, text)
})

test('what is no quantity is refused', () => {
  for (const text of ['', 'lots', '-1', '1Kib', '1 Gi', '.5', '1ee3'])
    assert.throws(() => parseUnits(text, 'spec.x'), { code: 'invalid-argument', message: /spec\.x/ })
})

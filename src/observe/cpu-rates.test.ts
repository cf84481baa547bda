import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CpuRates } from './cpu-rates.ts'

const second = 1_000_000_000n
const at = (seconds: bigint, usageNs: bigint) => ({ at: seconds * second, usageNs })

test('the first rate is that of the whole life, the next that since the sample before', () => {
  const rates = new CpuRates()
  assert.equal(rates.rate('c', at(110n, 5n * second), 100n * second), second / 2n)
  assert.equal(rates.rate('c', at(112n, 7n * second), 100n * second), second)
  assert.equal(rates.rate('c', at(122n, 7n * second), 100n * second), 0n)
})

test('samples that come too fast do not shorten the time that a rate is of', () => {
  const rates = new CpuRates()
  rates.rate('c', at(110n, 0n), 100n * second)
  rates.rate('c', at(112n, 2n * second), 100n * second)
  const soon = { at: 112n * second + 1n, usageNs: 2n * second }
  assert.equal(rates.rate('c', soon, 100n * second), second - 1n)
})

test('usage that has shrunk is a new beginning; nothing divides by no time', () => {
  const rates = new CpuRates()
  rates.rate('p', at(110n, 50n * second), 100n * second)
  assert.equal(rates.rate('p', at(120n, 10n * second), 100n * second), second / 2n)
  assert.equal(rates.rate('q', at(100n, 10n), 100n * second), 0n)
  rates.forget('p')
  assert.equal(rates.rate('p', at(120n, 20n * second), 100n * second), second)
})

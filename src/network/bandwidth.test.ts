import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseQuantity, podBandwidth } from './bandwidth.ts'

test('quantities as Kubernetes writes them', () => {
  const quantities = {
    '10M': 1e7,
    '1.5Gi': 1610612736,
    '2e6': 2e6,
    '1E': 1e18,
    '.5k': 500,
    '1001m': 2,
    '7': 7,
    '+3k': 3000,
  }
  for (const [text, value] of Object.entries(quantities)) assert.equal(parseQuantity(text), value, text)
  for (const text of ['', 'M', '1KB', '1 M', '1..2', '0x10', 'toString', '1e', 'Infinity', 'NaN']) {
    assert.equal(parseQuantity(text), undefined, text)
  }
})

test('bandwidth annotations', () => {
  assert.equal(podBandwidth({ other: '1M' }), undefined)
  assert.deepEqual(podBandwidth({ 'kubernetes.io/ingress-bandwidth': '10M' }), { ingressRate: 1e7 })
  assert.deepEqual(podBandwidth({ 'kubernetes.io/ingress-bandwidth': '1k', 'kubernetes.io/egress-bandwidth': '1P' }), {
    ingressRate: 1e3,
    egressRate: 1e15,
  })
  for (const text of ['', 'fast', '1', '-5M', '2P', '1e400']) {
    assert.throws(() => podBandwidth({ 'kubernetes.io/egress-bandwidth': text }), /egress-bandwidth.*between 1k and 1P/)
  }
})

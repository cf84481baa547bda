import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkUsage, parseNetDev } from './network-usage.ts'

const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       1       2    0    0    0     0          0         0        3       4    0    0    0     0       0          0
  eth0:893024806  27210    5    6    0     0          0         0  1619318   16421    7    8    0     0       0          0
`

test('the counters of each interface, also where a number touches the name', () => {
  assert.deepEqual(parseNetDev(text)[1], {
    name: 'eth0',
    received: { bytes: 893024806, packets: 27210, errors: 5, dropped: 6 },
    sent: { bytes: 1619318, packets: 16421, errors: 7, dropped: 8 },
  })
  assert.equal(parseNetDev(text).length, 2)
})

test('a namespace that is gone has no counters', () => {
  assert.equal(networkUsage('/run/no-such-namespace'), undefined)
})

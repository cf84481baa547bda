import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fields } from './fields.ts'
import { linuxResources, qosClassOf, readResources } from './resources.ts'

const read = (value: object) => readResources(new Fields(value, 'resources'))
const gibibyte = 2 ** 30

test('resources become what the kubelet would send', () => {
  const resources = read({ requests: { cpu: '250m', memory: '64Mi' }, limits: { cpu: 1.5, memory: '128Mi' } })
  assert.deepEqual(linuxResources(resources, 'Burstable', gibibyte), {
    cpuPeriod: 100_000n,
    cpuQuota: 150_000n,
    cpuShares: 256n,
    memoryLimitInBytes: 134_217_728n,
    oomScoreAdj: 938n,
  })
})

test('nothing asked for: no limits, the least shares, killed first', () => {
  assert.deepEqual(linuxResources(readResources(undefined), 'BestEffort', gibibyte), {
    cpuPeriod: 100_000n,
    cpuQuota: 0n,
    cpuShares: 2n,
    memoryLimitInBytes: 0n,
    oomScoreAdj: 1000n,
  })
})

test('a limit is the request where none is given; quota and shares keep to what the kernel takes', () => {
  const resources = read({ limits: { cpu: '5m' } })
  const { cpuQuota, cpuShares, oomScoreAdj } = linuxResources(resources, 'Burstable', gibibyte)
  assert.deepEqual([cpuQuota, cpuShares, oomScoreAdj], [1000n, 5n, 999n])
  assert.equal(linuxResources(read({ requests: { cpu: 4000 } }), 'Burstable', gibibyte).cpuShares, 262_144n)
  assert.equal(linuxResources(read({ requests: { memory: '9Gi' } }), 'Burstable', gibibyte).oomScoreAdj, 3n)
})

test('the class of a pod', () => {
  const guaranteed = read({ limits: { cpu: '1', memory: '1Gi' } })
  assert.equal(qosClassOf([guaranteed, guaranteed]), 'Guaranteed')
  assert.equal(qosClassOf([guaranteed, read({})]), 'Burstable')
  assert.equal(qosClassOf([read({ requests: { cpu: '1' } })]), 'Burstable')
  assert.equal(qosClassOf([read({}), read({ requests: { cpu: '0' } })]), 'BestEffort')
})

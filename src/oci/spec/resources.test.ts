import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { LinuxContainerResourcesSchema } from '../../gen/cri_pb.ts'
import { oomScoreAdj } from './oom-score.ts'
import { cgroupLimits, deviceRules, type ResourceFacts } from './resources.ts'

type Request = MessageInitShape<typeof LinuxContainerResourcesSchema>
const v1: ResourceFacts = { cgroupVersion: 1, swapLimit: true, hugetlb: true }
const v2: ResourceFacts = { ...v1, cgroupVersion: 2 }
const limits = (request: Request, host = v1, pids?: number) =>
  cgroupLimits(create(LinuxContainerResourcesSchema, request), host, pids)

test('limits: 0 is none', () => {
  assert.deepEqual(cgroupLimits(undefined, v1), {})
  assert.deepEqual(limits({}), {})
  assert.deepEqual(limits({ cpuPeriod: 100000n, cpuQuota: -1n, cpuShares: 2n, cpusetCpus: '0-1,3', cpusetMems: '0' }), {
    cpu: { period: 100000, quota: -1, shares: 2, cpus: '0-1,3', mems: '0' },
  })
  assert.deepEqual(limits({}, v1, 100), { pids: { limit: 100 } })
  assert.deepEqual(limits({}, v1, 0), {})
})

test('memory and swap', () => {
  assert.deepEqual(limits({ memoryLimitInBytes: 1000n }), { memory: { limit: 1000, swap: 1000 } })
  assert.deepEqual(limits({ memoryLimitInBytes: 1000n, memorySwapLimitInBytes: 3000n }), {
    memory: { limit: 1000, swap: 3000 },
  })
  assert.deepEqual(limits({ memoryLimitInBytes: 1000n, memorySwapLimitInBytes: -1n }), {
    memory: { limit: 1000, swap: -1 },
  })
  assert.deepEqual(limits({ memoryLimitInBytes: 1000n }, { ...v1, swapLimit: false }), { memory: { limit: 1000 } })
  assert.deepEqual(limits({ memoryLimitInBytes: -1n }), { memory: { limit: -1, swap: -1 } })
  assert.throws(() => limits({ memoryLimitInBytes: 1000n, memorySwapLimitInBytes: 999n }), { code: 'invalid-argument' })
  assert.throws(() => limits({ memoryLimitInBytes: -2n }), {
    code: 'invalid-argument',
    message: /memory_limit_in_bytes is -2/,
  })
  assert.throws(() => limits({ memoryLimitInBytes: 1n << 62n }), { code: 'invalid-argument', message: /out of range/ })
})

test('huge pages, where there is a controller', () => {
  const hugepageLimits = [{ pageSize: '2MB', limit: 0n }]
  assert.deepEqual(limits({ hugepageLimits }), { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] })
  assert.deepEqual(limits({ hugepageLimits }, { ...v1, hugetlb: false }), {})
  assert.throws(() => limits({ hugepageLimits: [{ pageSize: '../x', limit: 0n }] }), { code: 'invalid-argument' })
})

test('cgroup v2 files', () => {
  const unified = { 'memory.high': '1000', 'memory.oom.group': '1' }
  assert.deepEqual(limits({ unified }, v2), { unified })
  assert.throws(() => limits({ unified }), { code: 'failed-precondition', message: /needs cgroup v2/ })
  for (const name of ['../memory.max', 'a/b.c', 'memory', '', 'memory..max', '.x']) {
    assert.throws(() => limits({ unified: { [name]: '1' } }, v2), { code: 'invalid-argument' }, name)
  }
})

test('numbers that no cgroup takes', () => {
  for (const request of [
    { cpuShares: -1n },
    { cpuPeriod: -1n },
    { cpuQuota: -2n },
    { cpusetCpus: '0-' },
    { cpusetMems: 'a\n' },
  ]) {
    assert.throws(() => limits(request), { code: 'invalid-argument', message: /^resources\./ })
  }
})

test('device rules', () => {
  const rule = { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' } as const
  assert.deepEqual(deviceRules([rule], false), [{ allow: false, access: 'rwm' }, rule])
  assert.deepEqual(deviceRules([rule], true), [{ allow: true, access: 'rwm' }])
})

test('the OOM score is clamped where it may not be lowered', () => {
  const score = (wanted: number, own: number, mayLowerOomScore: boolean) =>
    oomScoreAdj({ oomScoreAdj: BigInt(wanted) }, { oomScoreAdj: own, mayLowerOomScore })
  assert.equal(score(-998, 0, true), -998)
  assert.equal(score(-998, 0, false), 0)
  assert.equal(score(-998, -999, false), -998)
  assert.equal(score(500, 0, false), 500)
  assert.equal(score(100, 200, false), 200)
  assert.equal(oomScoreAdj(undefined, { oomScoreAdj: -999, mayLowerOomScore: true }), 0)
  assert.equal(oomScoreAdj(undefined, { oomScoreAdj: 300, mayLowerOomScore: false }), 300)
  assert.throws(() => score(1001, 0, true), { code: 'invalid-argument' })
  assert.throws(() => score(-1001, 0, true), { code: 'invalid-argument' })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelVersion, probeHostFacts, procStatus, withRuntime } from './host-facts.ts'
import { parseFeatures } from './features.ts'

test('this host', () => {
  const facts = probeHostFacts()
  assert.ok(facts.hostname !== '' && facts.kernel[0] >= 4)
  assert.ok([1, 2].includes(facts.cgroupVersion))
  assert.equal(facts.mayLowerOomScore, facts.capabilities.includes('CAP_SYS_RESOURCE'))
})

test('texts of the kernel', () => {
  assert.deepEqual(kernelVersion('6.18.44-fc'), [6, 18])
  assert.deepEqual(kernelVersion('odd'), [0, 0])
  const status = procStatus('Name:\tnode\nCapEff:\t00ff\n\nSeccomp:\t0\n')
  assert.deepEqual([status.Name, status.CapEff, status.Seccomp], ['node', '00ff', '0'])
})

test("the runtime's part in them", () => {
  const host = { ...probeHostFacts(), seccomp: true, recursiveReadOnly: true, userNamespaces: true }
  const able = parseFeatures(
    '{"mountOptions":["rro"],"linux":{"seccomp":{"enabled":true},"namespaces":["user"],"mountExtensions":{"idmap":{"enabled":true}}}}',
  )
  const nothing = { scheduling: false, netDevices: false, memoryPolicy: false, intelRdt: false }
  assert.deepEqual(withRuntime(host, able), { ...host, runtime: nothing })
  const newer = parseFeatures('{"ociVersionMax":"1.2.1","linux":{"intelRdt":{"enabled":true}}}')
  assert.deepEqual(withRuntime(host, newer).runtime, { ...nothing, scheduling: true, intelRdt: true })
  assert.equal(withRuntime(host, parseFeatures('{}')).seccomp, false)
  assert.equal(withRuntime(host, parseFeatures('{}')).recursiveReadOnly, false)
  assert.deepEqual(withRuntime(host, undefined), { ...host, recursiveReadOnly: false, userNamespaces: false })
})

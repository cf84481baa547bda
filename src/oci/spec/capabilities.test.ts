import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { CapabilitySchema } from '../../gen/cri_pb.ts'
import { allCapabilities, capabilitiesOfMask, containerCapabilities, defaultCapabilities } from './capabilities.ts'

const granted = (add: string[], drop: string[], available = allCapabilities) => {
  const request = create(CapabilitySchema, { addCapabilities: add, dropCapabilities: drop })
  return containerCapabilities(request, false, available).bounding
}
const inOrder = (names: readonly string[]) => allCapabilities.filter((name) => names.includes(name))

test('there are 41, and 14 by default', () => {
  assert.equal(allCapabilities.length, 41)
  assert.equal(allCapabilities[21], 'CAP_SYS_ADMIN')
  assert.equal(allCapabilities[40], 'CAP_CHECKPOINT_RESTORE')
  assert.deepEqual(containerCapabilities(undefined, false, allCapabilities).bounding, inOrder(defaultCapabilities))
  assert.deepEqual(capabilitiesOfMask('00000000a80425fb'), inOrder(defaultCapabilities))
})

test('add and drop', () => {
  const without = (all: readonly string[], ...names: string[]) => inOrder(all).filter((name) => !names.includes(name))
  const cases: [string, string[], string[], readonly string[]][] = [
    ['add', ['NET_ADMIN'], [], inOrder([...defaultCapabilities, 'CAP_NET_ADMIN'])],
    ['drop', [], ['CHOWN'], without(defaultCapabilities, 'CAP_CHOWN')],
    [
      'in any case, with or without the prefix',
      ['net_admin', 'CAP_BPF'],
      ['chown'],
      inOrder([...without(defaultCapabilities, 'CAP_CHOWN'), 'CAP_NET_ADMIN', 'CAP_BPF']),
    ],
    ['all', ['ALL'], [], allCapabilities],
    ['all but one', ['all'], ['CHOWN'], without(allCapabilities, 'CAP_CHOWN')],
    ['none', [], ['ALL'], []],
    ['one alone', ['NET_BIND_SERVICE'], ['ALL'], ['CAP_NET_BIND_SERVICE']],
    ['all added and dropped leaves the single ones', ['ALL', 'KILL'], ['ALL'], ['CAP_KILL']],
    ['drop wins over add', ['KILL'], ['KILL'], without(defaultCapabilities, 'CAP_KILL')],
    ['dropping what is not there', [], ['BPF'], inOrder(defaultCapabilities)],
  ]
  for (const [name, add, drop, expected] of cases) assert.deepEqual(granted(add, drop), expected, name)
})

test('what this process does not hold cannot be given away', () => {
  const available = allCapabilities.filter((name) => name !== 'CAP_SYS_RESOURCE' && name !== 'CAP_MKNOD')
  assert.ok(!granted(['ALL'], [], available).includes('CAP_SYS_RESOURCE'))
  assert.ok(!granted([], [], available).includes('CAP_MKNOD'))
  assert.deepEqual(containerCapabilities(undefined, true, available).effective, available, 'privileged: all there is')
  assert.throws(() => granted(['SYS_RESOURCE'], [], available), {
    code: 'failed-precondition',
    message: /CAP_SYS_RESOURCE/,
  })
})

test('an unknown name is refused and named', () => {
  for (const name of ['FLY', '', 'NET ADMIN', 'ALL\0']) {
    assert.throws(() => granted([name], []), { code: 'invalid-argument', message: /^add_capabilities/ })
    assert.throws(() => granted([], [name]), { code: 'invalid-argument', message: /^drop_capabilities/ })
  }
})

test('only what is ambient is inheritable', () => {
  const request = create(CapabilitySchema, {
    dropCapabilities: ['ALL'],
    addCapabilities: ['KILL'],
    addAmbientCapabilities: ['NET_RAW'],
  })
  assert.deepEqual(containerCapabilities(request, false, allCapabilities), {
    bounding: ['CAP_KILL', 'CAP_NET_RAW'],
    effective: ['CAP_KILL', 'CAP_NET_RAW'],
    permitted: ['CAP_KILL', 'CAP_NET_RAW'],
    inheritable: ['CAP_NET_RAW'],
    ambient: ['CAP_NET_RAW'],
  })
  assert.deepEqual(containerCapabilities(undefined, true, allCapabilities).ambient, [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { containerCgroup, defaultParent, expandSlice, parentPath } from './names.ts'

test('slices expand as systemd does', () => {
  assert.equal(expandSlice('kubepods.slice'), '/kubepods.slice')
  assert.equal(
    expandSlice('kubepods-burstable-pod12_34.slice'),
    '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12_34.slice',
  )
  const bad = [
    '',
    'a',
    '.slice',
    '-.slice',
    'a-.slice',
    '-a.slice',
    'a--b.slice',
    'a/b.slice',
    'a b.slice',
    'a.slice\n',
  ]
  for (const slice of bad) assert.throws(() => expandSlice(slice), /not the name of a systemd slice/, slice)
})

test('the cgroup of a container, cgroupfs', () => {
  const name = { cgroupsPath: '/kubepods/besteffort/pod1/c1', path: '/kubepods/besteffort/pod1/c1' }
  assert.deepEqual(containerCgroup('/kubepods/besteffort/pod1', 'c1', 'cgroupfs'), name)
  assert.deepEqual(containerCgroup('kubepods//besteffort/pod1/', 'c1', 'cgroupfs'), name)
  assert.equal(containerCgroup('a-b.slice', 'c1', 'cgroupfs').cgroupsPath, '/a.slice/a-b.slice/c1')
})

test('the cgroup of a container, systemd, the slice with and without its path', () => {
  const name = { cgroupsPath: 'a-b.slice:cri-berth:c1', path: '/a.slice/a-b.slice/cri-berth-c1.scope' }
  assert.deepEqual(containerCgroup('a-b.slice', 'c1', 'systemd'), name)
  assert.deepEqual(containerCgroup('/a.slice/a-b.slice', 'c1', 'systemd'), name)
  assert.equal(parentPath('/a.slice/a-b.slice', 'systemd'), '/a.slice/a-b.slice')
})

test('parents that do not fit are refused', () => {
  assert.throws(() => containerCgroup('/kubepods/pod1', 'c1', 'systemd'), /must use the same driver/)
  for (const parent of ['', '/', '//', '/../x', '/a/./b', '/a:b', '/a\n']) {
    assert.throws(() => containerCgroup(parent, 'c1', 'cgroupfs'), /not a path below the root/, parent)
  }
})

test('pods that name no parent have one in the form of the driver', () => {
  assert.equal(defaultParent('/berth', 'cgroupfs'), '/berth')
  assert.equal(defaultParent('/berth', 'systemd'), 'berth.slice')
  assert.equal(defaultParent('/a/b', 'systemd'), 'a-b.slice')
  assert.equal(defaultParent('/system.slice', 'systemd'), '/system.slice')
})

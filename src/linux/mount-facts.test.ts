import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mountOf, parseMounts } from './mount-facts.ts'

const text = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:5 / /mnt rw - tmpfs none rw
31 30 0:6 / /mnt/with\\040space rw master:3 propagate_from:2 - tmpfs none rw
32 22 0:7 / /mnt rw shared:9 master:4 - tmpfs none rw
`

test('propagation out of mountinfo', () => {
  assert.deepEqual(parseMounts(text), [
    { mountPoint: '/', shared: true, slave: false },
    { mountPoint: '/mnt', shared: false, slave: false },
    { mountPoint: '/mnt/with space', shared: false, slave: true },
    { mountPoint: '/mnt', shared: true, slave: true },
  ])
})

test('the mount that a path lies on', () => {
  const mounts = parseMounts(text)
  assert.equal(mountOf('/', mounts)?.mountPoint, '/')
  assert.equal(mountOf('/mnt2/x', mounts)?.mountPoint, '/')
  assert.deepEqual(mountOf('/mnt/x', mounts), { mountPoint: '/mnt', shared: true, slave: true })
  assert.equal(mountOf('/mnt/with space', mounts)?.slave, true)
  assert.equal(mountOf('/x', []), undefined)
})

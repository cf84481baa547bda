import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCgroupLayout } from './layout.ts'

const line = (point: string, type: string, options: string, device = '0:1') =>
  `30 20 ${device} / ${point} rw,nosuid - ${type} ${type} rw,${options}`

test('version 2: /sys/fs/cgroup itself, whatever else is mounted elsewhere', () => {
  const text = [
    '22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw',
    '30 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate',
    line('/opt/vpn/net_cls', 'cgroup', 'net_cls', '0:40'),
    line('/sys/fs/cgroup/net_cls', 'cgroup', 'net_cls', '0:41'),
  ].join('\n')
  assert.deepEqual(parseCgroupLayout(text), { version: 2, root: '/sys/fs/cgroup' })
})

test('version 1, hybrid: controllers alone and together, systemd, the v2 hierarchy beside them', () => {
  const text = [
    '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
    line('/sys/fs/cgroup/unified', 'cgroup2', 'nsdelegate', '0:29'),
    line('/sys/fs/cgroup/systemd', 'cgroup', 'xattr,name=systemd', '0:30'),
    line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct', '0:31'),
    line('/sys/fs/cgroup/memory', 'cgroup', 'memory', '0:32'),
    line('/sys/fs/cgroup/memory-again', 'cgroup', 'memory', '0:32'),
    line('/var/lib/chroot/sys/fs/cgroup/pids', 'cgroup', 'pids', '0:33'),
  ].join('\n')
  assert.deepEqual(parseCgroupLayout(text), {
    version: 1,
    hierarchies: [
      { controllers: [], root: '/sys/fs/cgroup/unified' },
      { controllers: ['name=systemd'], root: '/sys/fs/cgroup/systemd' },
      { controllers: ['cpu', 'cpuacct'], root: '/sys/fs/cgroup/cpu,cpuacct' },
      { controllers: ['memory'], root: '/sys/fs/cgroup/memory' },
    ],
  })
})

test('mounts elsewhere count when there are none in the usual place', () => {
  assert.deepEqual(parseCgroupLayout(line('/cgroup2', 'cgroup2', 'x')), { version: 2, root: '/cgroup2' })
  assert.deepEqual(parseCgroupLayout(line('/cgroup/memory', 'cgroup', 'memory')), {
    version: 1,
    hierarchies: [{ controllers: ['memory'], root: '/cgroup/memory' }],
  })
})

test('no cgroups at all', () => {
  assert.throws(() => parseCgroupLayout('22 1 8:1 / / rw - ext4 /dev/vda1 rw\n'), /no cgroups are mounted/)
})

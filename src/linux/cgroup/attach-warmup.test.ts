import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownProcsFile } from './attach-warmup.ts'

test('the own cgroup on version 2', () => {
  const file = ownProcsFile({ version: 2, root: '/sys/fs/cgroup' }, '0::/system.slice/berth.service\n')
  assert.equal(file, '/sys/fs/cgroup/system.slice/berth.service/cgroup.procs')
})

test('the own cgroup on version 1, in its first hierarchy', () => {
  const hierarchies = [{ controllers: ['cpu', 'cpuacct'], root: '/sys/fs/cgroup/cpu,cpuacct' }]
  const text = '3:memory:/m\n2:cpuacct,cpu:/a:b\n0::/\n'
  assert.equal(ownProcsFile({ version: 1, hierarchies }, text), '/sys/fs/cgroup/cpu,cpuacct/a:b/cgroup.procs')
})

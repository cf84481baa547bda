import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { detectCgroups } from './cgroups.ts'
import { v1Settings } from './settings-v1.ts'
import { weightOf } from './weight.ts'

/** A temp folder with files, as a cgroup tree looks; gone at the end of its scope. */
function tree(files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), 'berth-limit-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const read = (path: string) => readFileSync(join(root, path), 'utf8').split('\n')[0]
  return { root, read, [Symbol.dispose]: () => rmSync(root, { recursive: true }) }
}

test('version 2: every kind of limit, and what is not given stays', async () => {
  using fixture = tree({
    'c/memory.current': '100\n',
    'c/memory.max': 'max\n',
    'c/memory.swap.max': 'max\n',
    'c/cpu.max': 'max 100000\n',
    'c/cpu.weight': '39\n',
    'c/cpuset.cpus': '\n',
    'c/hugetlb.2MB.max': 'max\n',
    'c/memory.high': 'max\n',
  })
  const cgroups = detectCgroups({ version: 2, root: fixture.root })
  await cgroups.limit(
    '/c',
    {
      memory: { limit: 2000000, swap: 3000000 },
      cpu: { quota: 2000, shares: 512, cpus: '0-1' },
      hugepageLimits: [{ pageSize: '2MB', limit: 0 }],
      unified: { 'memory.high': '1900000' },
    },
    1024,
  )
  assert.equal(fixture.read('c/memory.max'), '2000000')
  assert.equal(fixture.read('c/memory.swap.max'), '1000000')
  assert.equal(fixture.read('c/cpu.max'), '2000 100000')
  assert.equal(fixture.read('c/cpu.weight'), '20')
  assert.equal(fixture.read('c/cpuset.cpus'), '0-1')
  assert.ok(fixture.read('c/hugetlb.2MB.max')?.startsWith('0'))
  assert.equal(fixture.read('c/memory.high'), '1900000')
  await cgroups.limit('/c', { memory: { limit: -1, swap: -1 }, cpu: { quota: -1 } }, 0)
  assert.ok(fixture.read('c/memory.max')?.startsWith('max'))
  assert.ok(fixture.read('c/cpu.max')?.startsWith('max 100000'))
})

test('version 2: memory that is in use is not taken away', async () => {
  using fixture = tree({ 'c/memory.current': '5000\n', 'c/memory.max': '9000\n', 'c/memory.reclaim': '' })
  const cgroups = detectCgroups({ version: 2, root: fixture.root })
  await assert.rejects(cgroups.limit('/c', { memory: { limit: 4000 } }, 0), /5000 bytes are in use/)
  assert.equal(fixture.read('c/memory.reclaim'), '1000')
  assert.equal(fixture.read('c/memory.max'), '9000')
})

test('all or nothing: a refused setting brings the earlier ones back', async () => {
  using fixture = tree({ 'c/memory.current': '1\n', 'c/memory.max': '9000\n', 'c/cpu.max': 'max 100000\n' })
  const cgroups = detectCgroups({ version: 2, root: fixture.root })
  const limits = { memory: { limit: 8000 }, cpu: { quota: 5000, cpus: '0' } }
  await assert.rejects(cgroups.limit('/c', limits, 0), /cannot set cpuset\.cpus to 0: there is no cpuset\.cpus/)
  assert.equal(fixture.read('c/memory.max'), '9000')
  assert.ok(fixture.read('c/cpu.max')?.startsWith('max 100000'))
  await assert.rejects(cgroups.limit('/gone', { memory: { limit: 1 } }, 0), /the cgroup is gone/)
})

test('version 1: the order in which the kernel takes them', () => {
  const order = (now: Record<string, number>, limits: Parameters<typeof v1Settings>[1]) =>
    v1Settings({ folder: (controller) => `/${controller}`, number: (_, file) => now[file] ?? 0 }, limits).map(
      ({ file, value }) => `${file}=${value}`,
    )
  const now = { 'memory.memsw.limit_in_bytes': 100, 'cpu.cfs_period_us': 100_000 }
  assert.deepEqual(order(now, { memory: { limit: 200, swap: 200 } }), [
    'memory.memsw.limit_in_bytes=200',
    'memory.limit_in_bytes=200',
  ])
  assert.deepEqual(order(now, { memory: { limit: 50, swap: 50 } }), [
    'memory.limit_in_bytes=50',
    'memory.memsw.limit_in_bytes=50',
  ])
  assert.deepEqual(order(now, { memory: { limit: -1, swap: -1 } }), [
    'memory.memsw.limit_in_bytes=-1',
    'memory.limit_in_bytes=-1',
  ])
  assert.deepEqual(order(now, { cpu: { period: 50_000, quota: 50_000 } }), [
    'cpu.cfs_quota_us=50000',
    'cpu.cfs_period_us=50000',
  ])
  assert.deepEqual(order(now, { cpu: { period: 200_000, quota: 50_000 } }), [
    'cpu.cfs_period_us=200000',
    'cpu.cfs_quota_us=50000',
  ])
})

test('shares become weights as the OCI runtime at hand makes them', () => {
  assert.equal(weightOf(1024, { shares: 0, weight: 100 }), 100)
  assert.equal(weightOf(2, { shares: 0, weight: 100 }), 1)
  assert.equal(weightOf(262144, { shares: 0, weight: 100 }), 10000)
  assert.equal(weightOf(512, { shares: 1024, weight: 100 }), 59)
  assert.equal(weightOf(512, { shares: 1024, weight: 39 }), 20)
})

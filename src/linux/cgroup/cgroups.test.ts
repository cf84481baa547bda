import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Reaper } from '../reaper.ts'
import { spawn } from '../spawn.ts'
import { detectCgroups } from './cgroups.ts'

/** A temp folder with files, as a cgroup tree looks; gone at the end of its scope. */
function tree(files: Record<string, string>): { root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'berth-cgroup-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) }
}

const v2 = (root: string) => detectCgroups({ version: 2, root })
const v1 = (root: string) =>
  detectCgroups({
    version: 1,
    hierarchies: [
      { controllers: ['memory'], root: join(root, 'memory') },
      { controllers: ['cpu', 'cpuacct'], root: join(root, 'cpu,cpuacct') },
      { controllers: ['pids'], root: join(root, 'pids') },
      { controllers: ['blkio'], root: join(root, 'blkio') },
      { controllers: ['freezer'], root: join(root, 'freezer') },
      { controllers: [], root: join(root, 'unified') },
    ],
  })

test('version 2: processes, OOM kills and usage', () => {
  using fixture = tree({
    'pod/c1/cgroup.procs': '101\n102\n0\n',
    'pod/c1/inner/cgroup.procs': '103\n',
    'pod/cgroup.procs': '',
    'pod/c1/memory.events': 'low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n',
    'pod/c1/memory.current': '5000\n',
    'pod/c1/memory.max': 'max\n',
    'pod/c1/memory.stat': 'anon 1500\nfile 3000\ninactive_anon 7\ninactive_file 1000\npgfault 42\npgmajfault 4\n',
    'pod/c1/cpu.stat': 'usage_usec 1234567\nuser_usec 1\nsystem_usec 1\n',
    'pod/c1/cpu.pressure':
      'some avg10=1.50 avg60=0.25 avg300=0.00 total=900\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=70\n',
    'pod/c1/memory.swap.current': '4096\n',
    'pod/c1/memory.swap.max': '8192\n',
    'pod/c1/pids.current': '3\n',
    'pod/c1/pids.max': '100\n',
    'pod/c1/memory.peak': '6000\n',
    'pod/c1/io.stat': '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n7:0 \n',
  })
  const cgroups = v2(fixture.root)
  assert.equal(cgroups.exists('/pod/c1'), true)
  assert.equal(cgroups.exists('/pod/c2'), false)
  assert.deepEqual(cgroups.pids('/pod').sort(), [101, 102, 103])
  assert.deepEqual(cgroups.pids('/pod/c2'), [])
  assert.equal(cgroups.oomKills('/pod/c1'), 2)
  assert.equal(cgroups.oomKills('/pod/c2'), 0)
  assert.deepEqual(cgroups.usage('/pod/c1'), {
    cpu: { usageNs: 1234567000n },
    memory: { usage: 5000, workingSet: 4000, rss: 1500, pageFaults: 42, majorPageFaults: 4 },
    swap: { usage: 4096, limit: 8192 },
    pids: { current: 3 },
    pressure: {
      cpu: {
        some: { avg10: 1.5, avg60: 0.25, avg300: 0, totalUs: 900 },
        full: { avg10: 0, avg60: 0, avg300: 0, totalUs: 70 },
      },
    },
  })
  assert.deepEqual(cgroups.usage('/pod/c2'), {})
  assert.deepEqual(cgroups.details('/pod/c1'), {
    cpu: { userNs: 1000, systemNs: 1000, periods: 0, throttledPeriods: 0, throttledNs: 0 },
    memory: { peak: 6000, cache: 3000, mappedFile: 0, activeFile: 0, inactiveFile: 1000, limitHits: 7 },
    pidsLimit: 100,
    devices: [{ major: 8, minor: 0, readBytes: 10, writtenBytes: 20, reads: 1, writes: 2 }],
    hugepages: [],
  })
  assert.deepEqual(cgroups.details('/pod/c2'), { devices: [], hugepages: [] })
})

test('version 1: processes, OOM kills and usage', () => {
  using fixture = tree({
    'memory/pod/c1/cgroup.procs': '101\n102\n',
    'pids/pod/c1/cgroup.procs': '101\n',
    'unified/pod/c1/cgroup.procs': '101\n102\n109\n',
    'memory/pod/c1/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n',
    'memory/pod/c1/inner/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
    'memory/pod/c1/memory.usage_in_bytes': '5000\n',
    'memory/pod/c1/memory.limit_in_bytes': '8192\n',
    'memory/pod/c1/memory.stat':
      'rss 1\ntotal_rss 1500\ntotal_inactive_file 6000\ntotal_pgfault 42\ntotal_pgmajfault 4\ntotal_swap 512\n',
    'memory/pod/c1/memory.memsw.limit_in_bytes': '12288\n',
    'memory/pod/c1/memory.max_usage_in_bytes': '7000\n',
    'memory/pod/c1/memory.failcnt': '9\n',
    'memory/pod/c1/memory.kmem.usage_in_bytes': '100\n',
    'cpu,cpuacct/pod/c1/cpuacct.usage_user': '1000\n',
    'cpu,cpuacct/pod/c1/cpuacct.usage_sys': '2000\n',
    'cpu,cpuacct/pod/c1/cpu.stat': 'nr_periods 5\nnr_throttled 2\nthrottled_time 300\n',
    'blkio/pod/c1/blkio.throttle.io_service_bytes_recursive': '8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n',
    'blkio/pod/c1/blkio.throttle.io_serviced_recursive': '8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n',
    'unified/pod/c1/memory.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n',
    'pids/pod/c1/pids.max': 'max\n',
    'cpu,cpuacct/pod/c1/cpuacct.usage': '123456789\n',
    'pids/pod/c1/pids.current': '3\n',
    'memory/pod/c2/memory.usage_in_bytes': '1\n',
    'memory/pod/c2/memory.limit_in_bytes': '9223372036854771712\n',
    'memory/pod/c2/memory.stat': 'total_rss 1\n',
  })
  const cgroups = v1(fixture.root)
  assert.equal(cgroups.exists('/pod/c1'), true)
  assert.equal(cgroups.exists('/pod/c3'), false)
  assert.deepEqual(cgroups.pids('/pod').sort(), [101, 102, 109])
  assert.equal(cgroups.oomKills('/pod/c1'), 3)
  assert.equal(cgroups.oomKills('/pod/c3'), 0)
  assert.deepEqual(cgroups.usage('/pod/c1'), {
    cpu: { usageNs: 123456789n },
    memory: { usage: 5000, workingSet: 0, rss: 1500, pageFaults: 42, majorPageFaults: 4, limit: 8192 },
    swap: { usage: 512, limit: 4096 },
    pids: { current: 3 },
    pressure: { memory: { some: { avg10: 0, avg60: 0, avg300: 0, totalUs: 5 } } },
  })
  assert.deepEqual(cgroups.details('/pod/c1'), {
    cpu: { userNs: 1000, systemNs: 2000, periods: 5, throttledPeriods: 2, throttledNs: 300 },
    memory: { peak: 7000, cache: 0, mappedFile: 0, activeFile: 0, inactiveFile: 6000, kernel: 100, limitHits: 9 },
    devices: [{ major: 8, minor: 0, readBytes: 10, writtenBytes: 20, reads: 1, writes: 2 }],
    hugepages: [],
  })
  assert.equal(cgroups.usage('/pod/c2').memory?.limit, undefined)
})

test('remove takes the whole tree in every hierarchy, and nothing beside it; gone is fine', async () => {
  using fixture = tree({})
  const { root } = fixture
  for (const path of ['memory/pod/c1/a/b', 'pids/pod/c1', 'unified/pod/c1/x', 'memory/pod/c10']) {
    mkdirSync(join(root, path), { recursive: true })
  }
  await v1(root).remove('/pod/c1')
  assert.ok(!existsSync(join(root, 'memory/pod/c1')))
  assert.ok(!existsSync(join(root, 'pids/pod/c1')))
  assert.ok(!existsSync(join(root, 'unified/pod/c1')))
  assert.ok(existsSync(join(root, 'memory/pod/c10')))
  await v1(root).remove('/pod/c1')
  await v2(root).remove('/memory/pod/c10')
  assert.ok(existsSync(join(root, 'memory/pod')))
})

test('a cgroup that stays busy is reported with who holds it', async () => {
  using fixture = tree({ 'pod/c1/cgroup.procs': '101\n' })
  await assert.rejects(v2(fixture.root).remove('/pod/c1', 30), /cannot remove cgroup .*\/pod\/c1: .*processes 101/)
})

test('killing ends at its deadline with what is left, and never hits a cgroup that this process is in', async () => {
  using fixture = tree({
    'pod/c1/cgroup.procs': `${process.pid}\n`,
    'pod/c2/cgroup.procs': '2147483646\n',
    'pod/c2/cgroup.kill': '',
  })
  await assert.rejects(v2(fixture.root).kill('/pod/c1'), /Berth itself/)
  await assert.rejects(v2(fixture.root).kill('/pod/c2', 30), /processes 2147483646 of cgroup \/pod\/c2 are still there/)
  await v2(fixture.root).kill('/pod/c3')
})

test('the root and paths that lead elsewhere are refused', async () => {
  using fixture = tree({ 'pod/c1/cgroup.procs': '' })
  for (const cgroups of [v1(fixture.root), v2(fixture.root)]) {
    for (const path of ['', '/', '//', '/pod/..', '/../etc', 'pod', '/pod/', '/pod//c1', '/pod/./c1', '/pod\0']) {
      const what = /not a cgroup that Berth may use/
      assert.throws(() => cgroups.pids(path), what, path)
      assert.throws(() => cgroups.exists(path), what, path)
      await assert.rejects(cgroups.kill(path), what, path)
      await assert.rejects(cgroups.remove(path), what, path)
    }
  }
})

test('without cgroup.kill (before Linux 5.14, and version 1): freeze, SIGKILL, thaw', async () => {
  using reaper = new Reaper({ adopt: false })
  for (const [make, file, thawed] of [
    [v2, 'pod/c1/cgroup.freeze', '0'],
    [v1, 'freezer/pod/c1/freezer.state', 'THAWED'],
  ] as const) {
    const nothing = openSync('/dev/null', 'r+')
    const pid = spawn({ file: '/bin/sleep', args: ['100'], stdin: nothing, stdout: nothing, stderr: nothing })
    closeSync(nothing)
    using fixture = tree({
      'pod/c1/cgroup.procs': `${pid}\n`,
      'pids/pod/c1/cgroup.procs': `${pid}\n`,
      [file]: '______',
    })
    // Nobody takes the process off the list here: it ends at the deadline.
    await assert.rejects(make(fixture.root).kill('/pod/c1', 20), /are still there/)
    assert.equal((await reaper.wait(pid)).signal, 9)
    assert.ok(readFileSync(join(fixture.root, file), 'utf8').startsWith(thawed))
  }
})

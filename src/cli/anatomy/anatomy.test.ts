import assert from 'node:assert/strict'
import { mkdirSync, mkdtempDisposableSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { cgroupUsageOf } from './cgroup-usage.ts'
import { drawAnatomy } from './draw.ts'
import { fileSystemsOf } from './mounts.ts'
import { namespacesOf } from './namespaces.ts'
import type { ContainerAnatomy } from './pod-anatomy.ts'
import { ancestorsOf, familyOf, readProcesses } from './processes.ts'

/** A machine in a folder, with these files and links. */
function machine(files: Readonly<Record<string, string>>, links: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'berth-anatomy-'))
  const at = (path: string) => {
    mkdirSync(join(folder.path, path, '..'), { recursive: true })
    return join(folder.path, path)
  }
  for (const [path, text] of Object.entries(files)) writeFileSync(at(path), text)
  for (const [path, target] of Object.entries(links)) symlinkSync(target, at(path))
  const place = (name: string) => join(folder.path, name)
  return { proc: place('proc'), cgroups: place('cgroups'), [Symbol.dispose]: () => folder.remove() }
}

const status = (parent: number, inside = '', uid = 0) =>
  `Name:\tx\nPPid:\t${parent}\nUid:\t${uid}\t0\t0\t0\n${inside && `NSpid:\t${inside}\n`}`

const processes = {
  'proc/1/status': status(0),
  'proc/1/cmdline': '/sbin/init\0',
  'proc/20/status': status(1),
  'proc/20/cmdline': '/usr/lib/berth/node\0/usr/lib/berth/dist/berthd.js\0',
  'proc/21/status': status(20),
  'proc/21/cmdline': '/usr/lib/berth/node\0/usr/lib/berth/dist/berth-shim.js\0--socket\0/x\0',
  'proc/30/status': status(21, '30\t1', 1000),
  'proc/30/cmdline': 'sh\0-c\0work\n\x1b[2J\0',
  'proc/31/status': status(30, '31\t7', 1000),
  'proc/31/cmdline': '',
  'proc/40/status': status(21, '40\t1'),
  'proc/40/cmdline': 'web\0',
}

test('processes are a family, with their numbers outside and inside', () => {
  using place = machine(processes)
  const all = readProcesses(place.proc)
  assert.deepEqual(
    ancestorsOf(31, all).map(({ pid }) => pid),
    [1, 20, 21, 30],
  )
  assert.deepEqual(
    familyOf(30, all).map(({ process: { pid, inside, uid, command }, depth }) => [pid, inside, uid, command, depth]),
    [
      [30, 1, 1000, 'sh -c work\n\x1b[2J', 0],
      [31, 7, 1000, '[x]', 1],
    ],
  )
  assert.deepEqual(familyOf(99, all), [])
})

test('namespaces by their numbers', () => {
  using place = machine({}, { 'proc/7/ns/net': 'net:[4026532630]', 'proc/7/ns/pid': 'pid:[11]' })
  assert.deepEqual(namespacesOf(place.proc, 7), { net: '4026532630', pid: '11' })
  assert.deepEqual(namespacesOf(place.proc, 8), {})
})

test('mounts by where they come from', () => {
  const lines = [
    '9 1 0:9 / / rw - overlay overlay rw,lowerdir=/a:/b,upperdir=/u\\040p,workdir=/w',
    '9 1 0:9 / /proc rw - proc proc rw',
    '9 1 0:9 /sys /proc/sys ro - proc proc rw',
    '9 1 0:9 / /dev rw - tmpfs tmpfs rw',
    '9 1 0:9 /pods/hosts /etc/hosts rw - tmpfs tmpfs rw',
    '9 1 0:9 /srv /data rw - ext4 /dev/sda rw',
    '9 1 0:9 / /sys/fs/cgroup rw - tmpfs tmpfs rw',
    '9 1 0:9 /c /sys/fs/cgroup/memory rw - cgroup cgroup rw',
  ]
  using place = machine({ 'proc/7/mountinfo': `${lines.join('\n')}\n` })
  assert.deepEqual(fileSystemsOf(place.proc, 7), {
    rootType: 'overlay',
    layers: 2,
    upper: '/u p',
    fromNode: ['/etc/hosts', '/data'],
    inMemory: ['/dev'],
    fromKernel: ['/proc', '/sys/fs/cgroup'],
    guarded: ['/proc/sys'],
  })
  assert.equal(fileSystemsOf(place.proc, 8), undefined)
})

test('what cgroups count, of both versions', () => {
  using v2 = machine({
    'proc/7/cgroup': '0::/pods/c\n',
    'cgroups/pods/c/memory.current': '100\n',
    'cgroups/pods/c/memory.max': '200\n',
    'cgroups/pods/c/pids.current': '3\n',
    'cgroups/pods/c/cpu.stat': 'usage_usec 1500000\n',
  })
  const usage = { path: '/pods/c', memory: 100, processes: 3, cpuSeconds: 1.5 }
  assert.deepEqual(cgroupUsageOf(v2.proc, v2.cgroups, 7), { ...usage, version: 2, memoryLimit: 200 })
  using v1 = machine({
    'proc/7/cgroup': '9:pids:/pods/c\n8:cpu,cpuacct:/pods/c\n4:memory:/pods/c\n0::/\n',
    'cgroups/memory/pods/c/memory.usage_in_bytes': '100\n',
    'cgroups/memory/pods/c/memory.limit_in_bytes': '9223372036854771712\n',
    'cgroups/pids/pods/c/pids.current': '3\n',
    'cgroups/cpuacct/pods/c/cpuacct.usage': '1500000000\n',
  })
  assert.deepEqual(cgroupUsageOf(v1.proc, v1.cgroups, 7), { ...usage, version: 1 })
  assert.equal(cgroupUsageOf(v1.proc, v1.cgroups, 8), undefined)
})

test('the drawing', () => {
  using place = machine(processes)
  const all = readProcesses(place.proc)
  const container = (name: string, pid: number, ownPid: string): ContainerAnatomy => ({
    name,
    ancestors: ancestorsOf(pid, all),
    processes: familyOf(pid, all),
    namespaces: { net: '5', pid: ownPid, user: '3' },
    cgroup: {
      path: `/pods/${name}`,
      version: 2,
      memory: 3 << 20,
      memoryLimit: 64 << 20,
      processes: 2,
      cpuSeconds: 1.5,
    },
    files: undefined,
  })
  const node = { net: '1', pid: '2', user: '3' }
  const containers = [container('main', 30, '6'), container('side', 40, '7')]
  const lines = drawAnatomy({ name: 'shop/web', ips: ['10.0.0.2'], node, containers }, {}).split('\n')
  const shown = (start: string) => lines.find((line) => line.startsWith(start))
  assert.equal(lines[0], 'pod shop/web, 10.0.0.2: what there is of it on this node')
  assert.deepEqual(
    lines.slice(2, 8).map((line) => line.replaceAll(/(?<=\S) +/g, ' ')),
    [
      'PROCESSES PID IN IT USER COMMAND',
      'berthd 20 0 /usr/lib/berth/node /usr/lib/berth/dist/berthd.js',
      '└─ berth-shim 21 0 /usr/lib/berth/node /usr/lib/berth/dist/berth-shim.js --socket /x',
      '   ├─ main 30 1 1000 sh -c work; \\x1b[2J',
      '   │ └─ [x] 31 7 1000 [x]',
      '   └─ side 40 1 0 web',
    ],
  )
  assert.match(
    shown('net ') ?? '',
    /^net +1 +5 +5 +interfaces, addresses, ports: 10\.0\.0\.2 \(one for all of the pod\)$/,
  )
  assert.match(shown('pid ') ?? '', /^pid +2 +6 +7 +processes and their numbers$/)
  assert.match(shown('user ') ?? '', /^user +3 +the node's +the node's +users and rights$/)
  assert.match(shown('side ') ?? '', /^side +3 MiB of 64 MiB +2 +1\.50 s +\/pods\/side$/)
  const empty = drawAnatomy({ name: 'a/b', ips: [], node, containers: [] }, {})
  assert.match(empty, /^pod a\/b: .*\n\nNo container of it runs here\.\n$/)
})

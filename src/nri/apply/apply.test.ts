import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { ContainerAdjustmentSchema, type LinuxContainerAdjustmentSchema } from '../../gen/nri_pb.ts'
import type { HostFacts } from '../../oci/host-facts.ts'
import type { Spec } from '../../oci/runtime-spec.ts'
import { withAdjustment } from './apply-adjustment.ts'

const able = { scheduling: true, netDevices: true, memoryPolicy: true, intelRdt: true }
const host: HostFacts = {
  architecture: 'x64',
  hostname: 'node',
  kernel: [6, 12],
  capabilities: [],
  oomScoreAdj: -999,
  mayLowerOomScore: true,
  cgroupVersion: 2,
  swapLimit: true,
  hugetlb: true,
  seccomp: true,
  apparmor: false,

  recursiveReadOnly: true,
  userNamespaces: true,
  runtime: able,
}

const plain: Spec = {
  ociVersion: '1.0.2',
  root: { path: '/rootfs' },
  process: { user: { uid: 0, gid: 0 }, args: ['sh'], env: ['PATH=/bin', 'OLD=1'], cwd: '/', oomScoreAdj: 5 },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/dev', type: 'tmpfs' },
    { destination: '/dev/pts', type: 'devpts' },
    { destination: '/data', source: '/a', options: ['rbind'] },
  ],
  annotations: { kept: '1', old: '1' },
  linux: {
    namespaces: [{ type: 'mount' }, { type: 'pid' }],
    cgroupsPath: '/pods/c',
    devices: [{ path: '/dev/x', type: 'c', major: 1, minor: 2 }],
    resources: {
      devices: [{ allow: false, access: 'rwm' }],
      cpu: { shares: 2, period: 100_000 },
      memory: { limit: 4096 },
    },
    sysctl: { 'net.a': '1' },
  },
}

function adjusted(adjust: MessageInitShape<typeof ContainerAdjustmentSchema>, facts: Partial<HostFacts> = {}) {
  return withAdjustment(plain, create(ContainerAdjustmentSchema, adjust), { host: { ...host, ...facts }, cdiDirs: [] })
}
const linux = (value: MessageInitShape<typeof LinuxContainerAdjustmentSchema>, facts: Partial<HostFacts> = {}) =>
  adjusted({ linux: value }, facts)

test('an adjustment of nothing changes nothing', () => {
  assert.deepEqual(adjusted({ hooks: {}, linux: { resources: {} } }), plain)
})

test('environment, arguments, annotations, rlimits, hooks', () => {
  const spec = adjusted({
    env: [{ key: '-OLD' }, { key: 'PATH', value: '/sbin' }, { key: 'NEW', value: 'a=b' }],
    args: ['sleep', '1'],
    annotations: { '-old': '', new: '2' },
    rlimits: [{ type: 'RLIMIT_CORE', hard: 2n ** 64n - 1n, soft: 3n }],
    hooks: { poststop: [{ path: '/hook', args: ['hook'], timeout: { value: 7n } }] },
  })
  assert.deepEqual(spec.process.env, ['PATH=/sbin', 'NEW=a=b'])
  assert.deepEqual(spec.process.args, ['sleep', '1'])
  assert.deepEqual(spec.annotations, { kept: '1', new: '2' })
  assert.deepEqual(spec.process.rlimits, [{ type: 'RLIMIT_CORE', hard: Number.MAX_SAFE_INTEGER, soft: 3 }])
  assert.deepEqual(spec.hooks, { poststop: [{ path: '/hook', args: ['hook'], timeout: 7 }] })
})

test('mounts: one takes the place of another, and all are made from the root on', () => {
  const spec = adjusted({
    mounts: [
      { destination: '-/data' },
      { destination: '/data/below', source: '/b', type: 'bind', options: ['rbind', 'ro'] },
      { destination: '/proc', source: '/p', type: 'bind' },
    ],
  })
  assert.deepEqual(
    spec.mounts.map(({ destination }) => destination),
    ['/dev', '/proc', '/dev/pts', '/data/below'],
  )
  assert.throws(() => adjusted({ mounts: [{ destination: 'relative' }] }), { code: 'invalid-argument' })
})

test('limits take the place of those before, one by one', () => {
  const { resources } = linux({
    resources: {
      cpu: { shares: { value: 512n }, cpus: '0-1' },
      memory: { limit: { value: 8192n }, reservation: { value: 1024n } },
      pids: { limit: 9n },
      hugepageLimits: [{ pageSize: '2MB', limit: 1n }],
      unified: { 'memory.high': 'max' },
      devices: [{ allow: true, type: 'c', major: { value: 5n }, access: 'r' }],
    },
  }).linux
  assert.deepEqual(resources, {
    devices: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 5, access: 'r' },
    ],
    cpu: { shares: 512, period: 100_000, cpus: '0-1' },
    memory: { limit: 8192, swap: 8192, reservation: 1024 },
    pids: { limit: 9 },
    hugepageLimits: [{ pageSize: '2MB', limit: 1 }],
    unified: { 'memory.high': 'max' },
  })
})

test('devices: the node, and the right to use it', () => {
  const spec = linux({
    devices: [{ path: '-/dev/x' }, { path: '/dev/disk', type: 'b', major: 8n, minor: 1n, fileMode: { value: 0o600 } }],
  })
  assert.deepEqual(spec.linux.devices, [{ path: '/dev/disk', type: 'b', major: 8, minor: 1, fileMode: 0o600 }])
  assert.deepEqual(spec.linux.resources.devices?.at(-1), { allow: true, type: 'b', major: 8, minor: 1, access: 'rwm' })
  assert.throws(() => linux({ devices: [{ path: '/dev/y', type: 'z' }] }), { code: 'invalid-argument' })
})

test('namespaces, sysctls, cgroup, priorities, seccomp, network devices, memory policy', () => {
  const spec = linux({
    namespaces: [{ type: '-pid' }, { type: 'ipc', path: '/ns/ipc' }],
    sysctl: { '-net.a': '', 'net.b': '2' },
    cgroupsPath: '/other/c',
    oomScoreAdj: { value: 77n },
    ioPriority: { class: 2, priority: 4 },
    scheduler: { policy: 4, nice: 3, flags: [0] },
    seccompPolicy: {
      defaultAction: 'SCMP_ACT_ALLOW',
      defaultErrno: { value: 1 },
      syscalls: [{ names: ['a'], action: 'b' }],
    },
    netDevices: { eth1: { name: 'in0' } },
    memoryPolicy: { mode: 2, nodes: '0', flags: [0] },
  })
  assert.deepEqual(spec.linux.namespaces, [{ type: 'mount' }, { type: 'ipc', path: '/ns/ipc' }])
  assert.deepEqual(spec.linux.sysctl, { 'net.b': '2' })
  assert.equal(spec.linux.cgroupsPath, '/other/c')
  assert.equal(spec.process.oomScoreAdj, 77)
  assert.deepEqual(spec.process.ioPriority, { class: 'IOPRIO_CLASS_BE', priority: 4 })
  const scheduler = { policy: 'SCHED_BATCH', nice: 3, priority: 0, flags: ['SCHED_FLAG_RESET_ON_FORK'] }
  assert.deepEqual(spec.process.scheduler, scheduler)
  const syscalls = [{ names: ['a'], action: 'b' }]
  assert.deepEqual(spec.linux.seccomp, { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1, syscalls })
  assert.deepEqual(spec.linux.netDevices, { eth1: { name: 'in0' } })
  assert.deepEqual(spec.linux.memoryPolicy, { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] })
})

test('what this node or its OCI runtime cannot do is refused, not left out', () => {
  const refused = { code: 'failed-precondition' }
  const none = { runtime: { scheduling: false, netDevices: false, memoryPolicy: false, intelRdt: false } }
  assert.throws(() => linux({ ioPriority: { class: 1 } }, none), refused)
  assert.throws(() => linux({ scheduler: { policy: 1 } }, none), refused)
  assert.throws(() => linux({ netDevices: { eth1: {} } }, none), refused)
  assert.throws(() => linux({ memoryPolicy: {} }, none), refused)
  assert.throws(() => linux({ seccompPolicy: {} }, { seccomp: false }), refused)
  assert.throws(() => linux({ resources: { unified: { 'cpu.max': '1' } } }, { cgroupVersion: 1 }), refused)
  assert.throws(() => linux({ resources: { blockioClass: { value: 'slow' } } }), refused)
  assert.throws(() => linux({ resources: { unified: { '../x': '1' } } }), { code: 'invalid-argument' })
  assert.throws(() => adjusted({ env: [{ key: 'A=B', value: '1' }] }), { code: 'invalid-argument' })
  assert.throws(() => adjusted({ CDIDevices: [{ name: 'no.such/kind=x' }] }), refused)
  assert.deepEqual(linux({ resources: { blockioClass: { value: '' }, rdtClass: { value: '' } } }), plain)
})

test('a CDI device brings what its description says', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-nri-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const devices = [{ name: 'one', containerEdits: { env: ['CDI=yes'] } }]
  writeFileSync(join(folder, 'v.json'), JSON.stringify({ cdiVersion: '0.6.0', kind: 'vendor.com/thing', devices }))
  const adjust = create(ContainerAdjustmentSchema, { CDIDevices: [{ name: 'vendor.com/thing=one' }] })
  const { process } = withAdjustment(plain, adjust, { host, cdiDirs: [folder] })
  assert.ok(process.env.includes('CDI=yes'))
})

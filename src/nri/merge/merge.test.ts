import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  ContainerAdjustmentSchema,
  ContainerSchema,
  ContainerUpdateSchema,
  Field,
  type LinuxContainerAdjustmentSchema,
} from '../../gen/nri_pb.ts'
import { AdjustmentMerge } from './merge-adjustment.ts'
import { UpdateMerge } from './merge-updates.ts'
import { Owners } from './owners.ts'

type Adjustment = MessageInitShape<typeof ContainerAdjustmentSchema>
type LinuxAdjustment = MessageInitShape<typeof LinuxContainerAdjustmentSchema>

/** The adjustments of the plugins 00-a, 10-b, …, put together. */
function merged(...adjustments: Adjustment[]) {
  const owners = new Owners()
  const container = create(ContainerSchema, {
    id: 'c',
    annotations: { kept: '1', old: '1' },
    env: ['PATH=/bin', 'OLD=1'],
    mounts: [{ destination: '/data', source: '/a' }],
    args: ['sh'],
    linux: { namespaces: [{ type: 'pid' }], devices: [{ path: '/dev/x', type: 'c' }] },
  })
  const merge = new AdjustmentMerge(container, owners)
  adjustments.forEach((adjustment, at) => merge.add(create(ContainerAdjustmentSchema, adjustment), names[at] ?? 'z'))
  return { merge, owners, adjust: merge.adjust, container: merge.container }
}
const names = ['00-a', '10-b', '20-c']

/** Each sets the same thing in each of its two. */
const conflicts: [string, Adjustment, RegExp][] = [
  ['annotation', { annotations: { x: '1' } }, /Annotations x/],
  ['variable', { env: [{ key: 'X', value: '1' }] }, /Env X/],
  ['mount', { mounts: [{ destination: '/x' }] }, /Mounts \/x/],
  ['args', { args: ['x'] }, /Args/],
  ['rlimit', { rlimits: [{ type: 'RLIMIT_CORE' }] }, /Rlimits RLIMIT_CORE/],
  ['CDI device', { CDIDevices: [{ name: 'v.com/x=y' }] }, /CdiDevices v\.com\/x=y/],
  ['device', linux({ devices: [{ path: '/dev/y', type: 'c' }] }), /Devices \/dev\/y/],
  ['CPU shares', linux({ resources: { cpu: { shares: { value: 1n } } } }), /CPUShares/],
  ['CPU set', linux({ resources: { cpu: { cpus: '0' } } }), /CPUSetCPUs/],
  ['memory', linux({ resources: { memory: { limit: { value: 1n } } } }), /MemLimit/],
  ['huge pages', linux({ resources: { hugepageLimits: [{ pageSize: '2MB' }] } }), /HugepageLimits 2MB/],
  ['unified', linux({ resources: { unified: { 'cpu.max': '1' } } }), /CgroupsUnified cpu\.max/],
  ['class', linux({ resources: { rdtClass: { value: '' } } }), /RdtClass/],
  ['pids', linux({ resources: { pids: { limit: 1n } } }), /PidsLimit/],
  ['cgroup', linux({ cgroupsPath: '/x' }), /CgroupsPath/],
  ['OOM score', linux({ oomScoreAdj: { value: 1n } }), /OomScoreAdj/],
  ['I/O priority', linux({ ioPriority: { class: 1 } }), /IoPriority/],
  ['seccomp', linux({ seccompPolicy: {} }), /SeccompPolicy/],
  ['namespace', linux({ namespaces: [{ type: 'ipc' }] }), /Namespace ipc/],
  ['sysctl', linux({ sysctl: { 'net.x': '1' } }), /Sysctl net\.x/],
  ['network device', linux({ netDevices: { eth1: {} } }), /LinuxNetDevices eth1/],
  ['scheduler', linux({ scheduler: { policy: 1 } }), /LinuxSched/],
  ['RDT', linux({ rdt: { closId: { value: 'x' } } }), /RdtClosID/],
  ['memory policy', linux({ memoryPolicy: { mode: 2 } }), /MemoryPolicy/],
]
function linux(value: LinuxAdjustment): Adjustment {
  return { linux: value }
}

for (const [name, adjustment, what] of conflicts) {
  test(`two plugins that set the same are a conflict: ${name}`, () => {
    merged(adjustment, {})
    assert.throws(
      () => merged(adjustment, {}, adjustment),
      (error: Error) => {
        assert.match(error.message, what)
        assert.match(error.message, /"20-c" and "00-a" both tried to set/)
        return true
      },
    )
  })
}

test('different things of different plugins add up, and the next plugin sees them', () => {
  const { adjust, container } = merged(
    { annotations: { a: '1' }, env: [{ key: 'A', value: '1' }], mounts: [{ destination: '/a' }] },
    { annotations: { b: '2' }, env: [{ key: 'PATH', value: '/sbin' }], args: ['sleep'] },
    linux({
      resources: { cpu: { shares: { value: 7n } } },
      namespaces: [{ type: '-pid' }, { type: 'ipc', path: '/p' }],
    }),
  )
  assert.deepEqual({ ...container.annotations }, { kept: '1', old: '1', a: '1', b: '2' })
  assert.deepEqual(container.env, ['OLD=1', 'A=1', 'PATH=/sbin'])
  assert.deepEqual(container.args, ['sleep'])
  assert.deepEqual(
    container.mounts.map(({ destination }) => destination),
    ['/data', '/a'],
  )
  assert.equal(container.linux?.resources?.cpu?.shares?.value, 7n)
  assert.deepEqual(
    container.linux?.namespaces.map(({ type }) => type),
    ['ipc'],
  )
  assert.deepEqual(
    adjust.env.map(({ key }) => key),
    ['A', 'PATH'],
  )
})

test('what is marked is taken away, also of what an earlier plugin has set; then it can be set anew', () => {
  const { adjust, container, owners } = merged(
    { annotations: { '-old': '' }, env: [{ key: 'A', value: '1' }], mounts: [{ destination: '/m', source: '/1' }] },
    {
      annotations: { '-kept': '', kept: '2' },
      env: [{ key: '-A' }, { key: '-OLD' }],
      mounts: [{ destination: '-/m' }, { destination: '/m', source: '/2' }, { destination: '-/data' }],
    },
    linux({ devices: [{ path: '-/dev/x' }] }),
  )
  assert.deepEqual({ ...container.annotations }, { kept: '2' })
  assert.deepEqual(container.env, ['PATH=/bin'])
  assert.deepEqual(
    container.mounts.map(({ source }) => source),
    ['/2'],
  )
  assert.deepEqual(container.linux?.devices, [])
  assert.deepEqual(
    adjust.env.map(({ key }) => key),
    ['-A', '-OLD'],
  )
  assert.deepEqual(
    adjust.mounts.map(({ destination }) => destination),
    ['-/m', '-/data', '/m'],
  )
  assert.equal(owners.owner('c', { field: Field.Mounts, key: '/m' }), '10-b')
  // Who took it away may set it; a third may not.
  assert.throws(
    () => merged({ env: [{ key: 'A', value: '1' }] }, { env: [{ key: '-A' }] }, { env: [{ key: 'A', value: '3' }] }),
    /Env A/,
  )
})

test('arguments with an empty first one go over those of others; hooks of all are kept', () => {
  const { adjust, owners } = merged(
    { args: ['a'], hooks: { prestart: [{ path: '/1' }] } },
    { args: ['', 'b'], hooks: { prestart: [{ path: '/2' }] } },
  )
  assert.deepEqual(adjust.args, ['b'])
  assert.deepEqual(
    adjust.hooks?.prestart.map(({ path }) => path),
    ['/1', '/2'],
  )
  assert.equal(owners.owner('c', { field: Field.OciHooks }), '00-a,10-b')
  assert.deepEqual({ ...owners.message().owners.c?.simple }, { [Field.OciHooks]: '00-a,10-b', [Field.Args]: '10-b' })
})

test('names out of the prototype of objects are names like others', () => {
  const { container, owners } = merged({ annotations: { constructor: '1', toString: '2' } })
  assert.equal(container.annotations.constructor, '1')
  assert.equal(owners.owner('__proto__', { field: Field.Args }), undefined)
  owners.claim('__proto__', '00-a', [{ field: Field.Args }])
  assert.throws(() => owners.claim('__proto__', '10-b', [{ field: Field.Args }]), /Args/)
  assert.equal(({} as { simple?: unknown }).simple, undefined)
})

const update = (containerId: string, shares: bigint, ignoreFailure = false) =>
  create(ContainerUpdateSchema, {
    containerId,
    ignoreFailure,
    linux: { resources: { cpu: { shares: { value: shares } } } },
  })

test('updates of one container add up; a conflict is an error, unless it is to be ignored', () => {
  const updates = new UpdateMerge(new Owners())
  updates.add([update('x', 1n)], '00-a')
  updates.add(
    [create(ContainerUpdateSchema, { containerId: 'x', linux: { resources: { cpu: { cpus: '1' } } } })],
    '10-b',
  )
  assert.equal(updates.updates.length, 1)
  assert.deepEqual([updates.of('x')?.cpu?.shares?.value, updates.of('x')?.cpu?.cpus], [1n, '1'])
  updates.add([update('x', 9n, true)], '20-c')
  assert.equal(updates.of('x')?.cpu?.shares?.value, 1n)
  assert.throws(() => updates.add([update('x', 9n)], '20-c'), /"20-c" and "00-a"/)
  assert.throws(() => updates.add([update('new', 1n)], '00-a', 'new'), /not made yet/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { MountPropagation, MountSchema } from '../../gen/cri_pb.ts'
import { containerMounts, type HostPath, type MountsInput } from './mounts.ts'

type Request = MessageInitShape<typeof MountSchema>

const shared: HostPath = { source: '/real', mountPoint: '/', propagation: 'shared' }

function mounts(requests: Request[], more: Partial<MountsInput> = {}) {
  return containerMounts({
    requests: requests.map((request) => create(MountSchema, request)),
    hostPaths: requests.map(() => shared),
    sandboxPaths: { shm: '/pod/shm', hosts: '/pod/hosts', resolvConf: '/pod/resolv', hostname: '/pod/hostname' },
    privileged: false,
    readonlyRootfs: false,
    cgroupWritable: false,
    hostIpc: false,
    recursiveReadOnly: true,
    ...more,
  })
}

const destinations = (requests: Request[], more?: Partial<MountsInput>) =>
  mounts(requests, more).mounts.map(({ destination }) => destination)
const at = (destination: string, requests: Request[], more?: Partial<MountsInput>) =>
  mounts(requests, more).mounts.find((mount) => mount.destination === destination)
const one = (request: Request, more?: Partial<MountsInput>) =>
  at('/data', [{ containerPath: '/data', hostPath: '/host', ...request }], more)

const kernel = ['/proc', '/dev', '/dev/pts', '/dev/mqueue', '/sys', '/sys/fs/cgroup']
const pods = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/dev/shm']

test('what every container has', () => {
  assert.deepEqual(destinations([]), [...kernel, ...pods])
  assert.deepEqual(at('/sys', [])?.options, ['nosuid', 'noexec', 'nodev', 'ro'])
  assert.deepEqual(at('/sys', [], { privileged: true })?.options?.at(-1), 'rw')
  assert.equal(at('/sys/fs/cgroup', [])?.options?.at(-1), 'ro')
  assert.equal(at('/sys/fs/cgroup', [], { cgroupWritable: true })?.options?.at(-1), 'rw')
  assert.equal(at('/dev/shm', [])?.source, '/pod/shm')
  assert.equal(at('/dev/shm', [], { hostIpc: true })?.source, '/dev/shm')
  assert.deepEqual(at('/etc/hosts', [])?.options, ['rbind', 'rprivate', 'rw'])
  assert.deepEqual(at('/etc/hosts', [], { readonlyRootfs: true })?.options, ['rbind', 'rprivate', 'ro'])
  assert.deepEqual(at('/dev/shm', [], { readonlyRootfs: true })?.options, ['rbind', 'rprivate', 'rw'])
  assert.deepEqual(destinations([], { sandboxPaths: {} }), kernel)
})

test('a mount of the container takes the place of a default one', () => {
  const hosts = at('/etc/hosts', [{ containerPath: '/etc//hosts/', hostPath: '/mine' }])
  assert.equal(hosts?.source, '/real')
  assert.deepEqual(
    destinations([{ containerPath: '/etc/hosts', hostPath: '/mine' }]).filter((path) => path === '/etc/hosts').length,
    1,
  )
  assert.deepEqual(destinations([{ containerPath: '/dev', hostPath: '/dev' }], { sandboxPaths: {} }), [
    '/proc',
    '/sys',
    '/sys/fs/cgroup',
    '/dev',
  ])
})

test('mounts nearer to the root come first; those of one depth keep their order', () => {
  const requests = ['/a/b/c', '/b', '/a', '/a/b', '/b'].map((containerPath) => ({ containerPath, hostPath: '/x' }))
  assert.deepEqual(destinations(requests, { sandboxPaths: {} }).slice(kernel.length), [
    '/b',
    '/a',
    '/b',
    '/a/b',
    '/a/b/c',
  ])
})

test('modes and propagation', () => {
  assert.deepEqual(one({})?.options, ['rbind', 'rprivate', 'rw'])
  assert.deepEqual(one({ readonly: true })?.options, ['rbind', 'rprivate', 'ro'])
  assert.deepEqual(one({ readonly: true, recursiveReadOnly: true })?.options, ['rbind', 'rprivate', 'rro'])
  const slave = { propagation: MountPropagation.PROPAGATION_HOST_TO_CONTAINER }
  const both = { propagation: MountPropagation.PROPAGATION_BIDIRECTIONAL }
  assert.deepEqual(one(slave)?.options, ['rbind', 'rslave', 'rw'])
  assert.deepEqual(one(both)?.options, ['rbind', 'rshared', 'rw'])
  const request = (more: Request) => ({ containerPath: '/d', hostPath: '/h', ...more })
  assert.equal(mounts([request({})]).rootfsPropagation, undefined)
  assert.equal(mounts([request({}), request(slave)]).rootfsPropagation, 'rslave')
  assert.equal(mounts([request(both), request(slave)]).rootfsPropagation, 'rshared')
  const on = (propagation: HostPath['propagation']) => ({ hostPaths: [{ ...shared, propagation }] })
  assert.deepEqual(one(slave, on('slave'))?.options?.[1], 'rslave')
  assert.throws(() => one(slave, on('private')), {
    code: 'failed-precondition',
    message: /not a shared or slave mount/,
  })
  assert.throws(() => one(both, on('slave')), { code: 'failed-precondition', message: /not a shared mount/ })
})

test('recursive read-only that cannot be', () => {
  const rro = { readonly: true, recursiveReadOnly: true }
  assert.throws(() => one(rro, { recursiveReadOnly: false }), { message: /^RROUnsupported/ })
  assert.throws(() => one({ recursiveReadOnly: true }), { code: 'invalid-argument', message: /not readonly/ })
  assert.throws(() => one({ ...rro, propagation: MountPropagation.PROPAGATION_HOST_TO_CONTAINER }), {
    code: 'invalid-argument',
  })
})

test('a hostile container path stays in the container', () => {
  const path = (containerPath: string) => destinations([{ containerPath, hostPath: '/x' }], { sandboxPaths: {} }).at(-1)
  assert.equal(path('/a/../../../etc/../b'), '/b')
  assert.equal(path('/./a//b/'), '/a/b')
  for (const bad of ['', 'relative', '../up', '/a\0b', '/', '/..', '/a/..']) {
    assert.throws(() => path(bad), { code: 'invalid-argument', message: /container_path/ }, JSON.stringify(bad))
  }
})

test('id mappings', () => {
  const mapping = { hostId: 1000, containerId: 0, length: 10 }
  assert.deepEqual(one({ uidMappings: [mapping], gidMappings: [mapping] })?.uidMappings, [
    { hostID: 1000, containerID: 0, size: 10 },
  ])
})

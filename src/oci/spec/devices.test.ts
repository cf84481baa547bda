import assert from 'node:assert/strict'
import { existsSync, lstatSync } from 'node:fs'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { DeviceSchema } from '../../gen/cri_pb.ts'
import { splitDeviceNumber, findHostDevices, findRequestedDevices } from '../find-devices.ts'
import { requestedDevices } from './devices.ts'

const node = { path: '/dev/given', type: 'c', major: 1, minor: 3 } as const
const request = (permissions: string) => create(DeviceSchema, { hostPath: '/dev/null', permissions })

test('a device and its rule', () => {
  assert.deepEqual(requestedDevices([request('wr')], [[node]]), {
    nodes: [node],
    rules: [{ allow: true, type: 'c', major: 1, minor: 3, access: 'rw' }],
  })
  assert.equal(requestedDevices([request('')], [[node]]).rules[0]?.access, 'rwm')
  for (const bad of ['x', 'rwmr', 'r w', 'R']) {
    assert.throws(() => requestedDevices([request(bad)], [[node]]), {
      code: 'invalid-argument',
      message: /permissions/,
    })
  }
})

test('device nodes are found, links followed', () => {
  const [found] = findRequestedDevices({ hostPath: '/dev/null', containerPath: '/dev/a/../b' })
  assert.deepEqual([found?.path, found?.type, found?.major, found?.minor], ['/dev/b', 'c', 1, 3])
  assert.equal(found?.fileMode, lstatSync('/dev/null').mode & 0o7777)
  assert.throws(() => findRequestedDevices({ hostPath: '/dev/nope', containerPath: '' }), { code: 'invalid-argument' })
  assert.throws(() => findRequestedDevices({ hostPath: '/etc/passwd', containerPath: '' }), /not a device node/)
  assert.throws(() => findRequestedDevices({ hostPath: 'dev/null', containerPath: '' }), /host_path/)
  assert.throws(() => findRequestedDevices({ hostPath: '/dev/null', containerPath: 'x' }), /container_path/)
})

test("the host's devices without those that a container has of its own", () => {
  const paths = findHostDevices().map(({ path }) => path)
  assert.ok(paths.includes('/dev/null'))
  assert.ok(!paths.some((path) => /^\/dev\/(pts|shm|mqueue|fd)\/|^\/dev\/(console|stdin)$/.test(path)))
  if (existsSync('/dev/net/tun')) assert.ok(paths.includes('/dev/net/tun'))
})

test('the two halves of a device number', () => {
  assert.deepEqual(splitDeviceNumber(0x103n), { major: 1, minor: 3 })
  assert.deepEqual(splitDeviceNumber(0x11223344556677n), { major: 0x00112000 | 0x566, minor: 0x23344577 })
})

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ContainerConfigSchema } from '../../gen/cri_pb.ts'
import type { Spec } from '../runtime-spec.ts'
import { withCdiEdits } from './apply-edits.ts'
import { findCdiEdits } from './find-edits.ts'
import { requestedCdiDevices } from './requested-devices.ts'

const spec: Spec = {
  ociVersion: '1.0.2',
  root: { path: '/root' },
  process: { user: { uid: 0, gid: 0, additionalGids: [0, 5] }, args: ['x'], env: ['A=1', 'B=2'], cwd: '/' },
  mounts: [{ destination: '/dev', type: 'tmpfs' }],
  linux: { namespaces: [], cgroupsPath: '/x', resources: { devices: [{ allow: false, access: 'rwm' }] } },
}

function folders(t: { after(run: () => void): void }): { early: string; late: string } {
  const root = mkdtempSync(join(tmpdir(), 'berth-cdi-'))
  t.after(() => rmSync(root, { recursive: true }))
  const [early, late] = [join(root, 'etc'), join(root, 'run')]
  mkdirSync(early)
  mkdirSync(late)
  return { early, late }
}

const yaml = `
cdiVersion: "0.6.0"
kind: vendor.com/net
containerEdits:
  env: [COMMON=1]
devices:
  - name: a
    containerEdits:
      env: [A=9]
      deviceNodes: [{path: /dev/a, hostPath: /dev/null, permissions: rw}]
      mounts: [{hostPath: /lib/a, containerPath: /lib/a, options: [ro, rbind]}]
      additionalGids: [7]
      hooks: [{hookName: createContainer, path: /bin/hook, args: [hook, a]}]
  - name: b
    containerEdits:
      deviceNodes: [{path: /dev/b, type: c, major: 1, minor: 3, fileMode: 438, uid: 1}]
`

test('devices are asked for by field and by annotation', () => {
  const config = create(ContainerConfigSchema, {
    CDIDevices: [{ name: 'vendor.com/net=a' }],
    annotations: { 'cdi.k8s.io/plugin_x': 'vendor.com/net=b, vendor.com/net=a', other: 'vendor.com/net=c' },
  })
  assert.deepEqual(requestedCdiDevices(config), ['vendor.com/net=a', 'vendor.com/net=b'])
  for (const name of ['', 'a', 'vendor.com=a', 'vendor.com/net=', '/net=a', 'vendor.com/net=../x']) {
    const odd = create(ContainerConfigSchema, { CDIDevices: [{ name }] })
    assert.throws(() => requestedCdiDevices(odd), { code: 'invalid-argument', message: /CDI device/ })
  }
})

test('the edits of devices are made', (t) => {
  const { early, late } = folders(t)
  writeFileSync(join(early, 'vendor.yaml'), yaml)
  const edits = findCdiEdits(['vendor.com/net=a', 'vendor.com/net=b'], [early, late])
  const { process, mounts, linux, hooks } = withCdiEdits(spec, edits)
  assert.deepEqual(process.env, ['B=2', 'COMMON=1', 'A=9'])
  assert.deepEqual(process.user.additionalGids, [0, 5, 7])
  assert.deepEqual(mounts.at(-1), { destination: '/lib/a', source: '/lib/a', type: 'bind', options: ['ro', 'rbind'] })
  assert.deepEqual(hooks, { createContainer: [{ path: '/bin/hook', args: ['hook', 'a'] }] })
  const [a, b] = linux.devices ?? []
  assert.deepEqual([a?.path, a?.type, a?.major, a?.minor], ['/dev/a', 'c', 1, 3])
  assert.deepEqual(b, { path: '/dev/b', type: 'c', major: 1, minor: 3, fileMode: 438, uid: 1 })
  assert.deepEqual(linux.resources.devices, [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' },
  ])
})

test('a later folder goes before an earlier one; twice in one, or nowhere, is refused', (t) => {
  const { early, late } = folders(t)
  const one = (value: string) =>
    JSON.stringify({
      cdiVersion: '0.5.0',
      kind: 'vendor.com/x',
      devices: [{ name: 'd', containerEdits: { env: [`V=${value}`] } }],
    })
  writeFileSync(join(early, 'a.json'), one('early'))
  writeFileSync(join(late, 'a.json'), one('late'))
  writeFileSync(join(late, 'broken.json'), '{')
  const find = () => findCdiEdits(['vendor.com/x=d'], [early, late])
  assert.deepEqual(find()[0]?.env, ['V=late'])
  writeFileSync(join(late, 'b.json'), one('again'))
  assert.throws(find, { code: 'failed-precondition', message: /described twice, in .*a\.json and .*b\.json/ })
  assert.throws(() => findCdiEdits(['vendor.com/x=e'], [early, late]), {
    code: 'failed-precondition',
    message: /no CDI device vendor\.com\/x=e .*broken\.json/,
  })
  assert.deepEqual(findCdiEdits([], ['/no/such/folder']), [])
})

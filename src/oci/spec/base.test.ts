import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadBaseSpec } from '../load-base-spec.ts'
import type { Spec } from '../runtime-spec.ts'
import { withBaseSpec } from './base.ts'
import { refuseResourceClasses } from './resource-classes.ts'

const spec: Spec = {
  ociVersion: '1.0.2',
  root: { path: '/root' },
  process: { user: { uid: 1, gid: 1 }, args: ['x'], env: [], cwd: '/' },
  mounts: [{ destination: '/dev' }],
  annotations: { a: 'own' },
  linux: { namespaces: [], cgroupsPath: '/x', resources: {} },
}

test('what a handler gives all its containers; their own goes before it', () => {
  const based = withBaseSpec(spec, {
    process: { rlimits: [{ type: 'RLIMIT_NOFILE', hard: 2, soft: 1 }], user: { umask: 18 } },
    mounts: [
      { destination: '/dev', type: 'bind' },
      { destination: '/opt', type: 'bind', source: '/opt' },
    ],
    annotations: { a: 'base', b: 'base' },
    hooks: { prestart: [{ path: '/bin/h' }] },
  })
  assert.deepEqual(based.process.rlimits, [{ type: 'RLIMIT_NOFILE', hard: 2, soft: 1 }])
  assert.deepEqual(based.process.user, { uid: 1, gid: 1, umask: 18 })
  assert.deepEqual(based.mounts, [{ destination: '/dev' }, { destination: '/opt', type: 'bind', source: '/opt' }])
  assert.deepEqual(based.annotations, { a: 'own', b: 'base' })
  assert.deepEqual(based.hooks, { prestart: [{ path: '/bin/h' }] })
  assert.equal(withBaseSpec(spec, undefined), spec)
})

test('a base spec with a key that it cannot set is refused by name', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-base-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'base.json')
  writeFileSync(file, JSON.stringify({ process: { rlimits: [{ type: 'RLIMIT_CORE', hard: 0, soft: 0 }] } }))
  assert.equal(loadBaseSpec(file).process?.rlimits?.[0]?.type, 'RLIMIT_CORE')
  for (const content of ['{', '{"root":{}}', '{"process":{"rlimits":[{"type":"x","hard":1,"soft":1}]}}']) {
    writeFileSync(file, content)
    assert.throws(() => loadBaseSpec(file), { code: 'invalid-argument', message: /base\.json/ })
  }
})

test('classes of cache and disk bandwidth are refused', () => {
  refuseResourceClasses({ 'a.b/c': 'x', 'rdt.resources.beta.kubernetes.io/pod': '' })
  for (const kind of ['rdt', 'blockio']) {
    const annotations = { [`${kind}.resources.beta.kubernetes.io/container.c`]: 'gold' }
    assert.throws(() => refuseResourceClasses(annotations), { code: 'failed-precondition', message: /gold/ })
  }
})

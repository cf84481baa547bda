import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Spec } from '../runtime-spec.ts'
import { withHookFiles } from './apply-hooks.ts'
import { type HookFile, readHookFiles } from './hook-files.ts'

const spec: Spec = {
  ociVersion: '1.0.2',
  root: { path: '/root' },
  process: { user: { uid: 0, gid: 0 }, args: ['/usr/bin/app', '-v'], env: [], cwd: '/' },
  mounts: [],
  linux: { namespaces: [], cgroupsPath: '/x', resources: {} },
}
const facts = { annotations: { 'com.example/kind': 'gpu' }, hasBindMounts: false }

function runs(when: Partial<HookFile['when']>): boolean {
  const file = {
    version: '1.0.0' as const,
    hook: { path: '/bin/h' },
    when: { annotations: {}, commands: [], ...when },
    stages: ['prestart' as const],
  }
  return withHookFiles(spec, [file], facts).hooks?.prestart !== undefined
}

test('a hook runs where all its conditions hold', () => {
  assert.equal(runs({ always: true }), true)
  assert.equal(runs({ always: false }), false)
  assert.equal(runs({}), false)
  assert.equal(runs({ commands: ['^/usr/bin/'] }), true)
  assert.equal(runs({ commands: ['^/sbin/', 'app$'] }), true)
  assert.equal(runs({ commands: ['nothing'] }), false)
  assert.equal(runs({ annotations: { '^com\\.example/': '^gpu$' } }), true)
  assert.equal(runs({ annotations: { '^com\\.example/': '^cpu$' } }), false)
  assert.equal(runs({ always: true, hasBindMounts: true }), false)
  assert.equal(runs({ hasBindMounts: false }), true)
})

test('the files of the folders, in the order of their names, later folders before earlier ones', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'berth-hooks-'))
  t.after(() => rmSync(root, { recursive: true }))
  const [first, second] = [join(root, 'a'), join(root, 'b')]
  const write = (folder: string, name: string, path: string, more: object = {}) => {
    mkdirSync(folder, { recursive: true })
    const content = {
      version: '1.0.0',
      hook: { path },
      when: { always: true },
      stages: ['prestart', 'poststop'],
      ...more,
    }
    writeFileSync(join(folder, name), JSON.stringify(content))
  }
  write(first, '2.json', '/bin/two')
  write(first, '1.json', '/bin/one')
  write(second, '2.json', '/bin/other')
  writeFileSync(join(second, 'notes.txt'), '')
  const files = readHookFiles([first, second, join(root, 'none')])
  assert.deepEqual(
    files.map(({ hook }) => hook.path),
    ['/bin/one', '/bin/other'],
  )
  const { hooks } = withHookFiles(spec, files, facts)
  assert.deepEqual(hooks, {
    prestart: [{ path: '/bin/one' }, { path: '/bin/other' }],
    poststop: [{ path: '/bin/one' }, { path: '/bin/other' }],
  })
  for (const more of [{ version: '0.1.0' }, { stages: [] }, { stages: ['x'] }, { when: { commands: ['('] } }]) {
    write(second, '3.json', '/bin/bad', more)
    assert.throws(() => readHookFiles([first, second]), {
      code: 'failed-precondition',
      message: /3\.json is not valid/,
    })
  }
})

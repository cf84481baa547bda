import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { needsOnly } from './needs-only.ts'

const view = {
  hidden: ['/run/berth/sandboxes', '/run/berth/containers'],
  shown: ['/run/berth/sandboxes/s1', '/run/berth/containers/c1'],
}

test('which containers can be made without the mounts of other pods', () => {
  const bundle = mkdtempSync(join(tmpdir(), 'berth-needs-only-'))
  const needs = (spec: object) => {
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec))
    return needsOnly(view, bundle)
  }
  const mounting = (...sources: (string | undefined)[]) => ({
    root: { path: '/run/berth/containers/c1/rootfs' },
    mounts: sources.map((source) => ({ destination: '/x', source })),
  })
  try {
    assert.equal(needs({}), true)
    assert.equal(needs(mounting('proc', undefined, '/run/berth/sandboxes/s1/shm', '/etc', '/run/berth-other')), true)
    assert.equal(needs(mounting('/run/berth/containers/c1/volumes/0/sub')), true)
    for (const source of ['/', '/run', '/run/berth', '/run/berth/sandboxes', '/run/berth/sandboxes/s2/shm']) {
      assert.equal(needs(mounting('/etc', source)), false, source)
    }
    assert.equal(needs(mounting('/run/berth/sandboxes/s12')), false)
    const joining = (path: string) => ({ linux: { namespaces: [{ type: 'mount' }, { type: 'network', path }] } })
    assert.equal(needs(joining('/run/berth/sandboxes/s1/net')), true)
    assert.equal(needs(joining('/proc/7/ns/net')), true)
    assert.equal(needs(joining('/run/berth/sandboxes/s2/net')), false)
    assert.equal(needs({ hooks: { prestart: [] } }), true)
    assert.equal(needs({ hooks: { prestart: [{ path: '/bin/true' }] } }), false)
  } finally {
    rmSync(bundle, { recursive: true })
  }
})

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { patiently } from '../lib/testing/patiently.ts'
import { echoingPlugins, requestFor, ScriptedPlugins } from './scripted-plugins.ts'
import { waitsForInput } from './waiting-plugins.ts'

/** So that `portmap` has something to do. */
const withPort = { hostPorts: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }] } as const

/** The environments of the plugins of this folder that run now. */
function running(plugins: ScriptedPlugins): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        const [program] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
        return program?.startsWith(plugins.binDir) ? [readFileSync(`/proc/${pid}/environ`, 'utf8')] : []
      } catch {
        return []
      }
    })
}

test('plugins that wait for their input are started before their turn, and told nothing before the namespace is ready', async (t) => {
  using plugins = echoingPlugins()
  const ready = Promise.withResolvers<void>()
  const attaching = plugins.network().attach(requestFor('s', withPort), { ready: ready.promise })
  await t.waitFor(() => assert.equal(running(plugins).length, 2), patiently)
  assert.ok(running(plugins).every((environment) => environment.includes('CNI_COMMAND=ADD')))
  ready.resolve()
  assert.deepEqual((await attaching).ips, ['10.1.0.2'])
  assert.deepEqual(running(plugins), [])
})

test('when the namespace does not come, they end without having done anything', async (t) => {
  using plugins = echoingPlugins()
  const network = plugins.network()
  const ready = Promise.withResolvers<void>()
  const attaching = network.attach(requestFor('s', withPort), { ready: ready.promise })
  await t.waitFor(() => assert.equal(running(plugins).length, 2), patiently)
  ready.reject(new Error('no namespace'))
  await assert.rejects(attaching, /no namespace/)
  await t.waitFor(() => assert.equal(running(plugins).length, 0), patiently)
  assert.deepEqual(network.attachments(), [])
})

test('scripts and unknown plugins are not started before their turn', () => {
  using plugins = new ScriptedPlugins()
  const script = join(plugins.binDir, 'bridge')
  writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 })
  assert.equal(waitsForInput('bridge', '/bin/cat'), true)
  assert.equal(waitsForInput('bridge', script), false)
  assert.equal(waitsForInput('calico', '/bin/cat'), false)
})

import assert from 'node:assert/strict'
import { chmodSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasNothingToDo } from './needless-plugins.ts'
import { addressResult, echoingPlugins, requestFor } from './scripted-plugins.ts'

const runtime = {
  containerId: 's',
  netnsPath: '/proc/self/ns/net',
  interfaceName: 'eth0',
  args: [],
  capabilityArgs: {},
}

test('portmap has nothing to do for a pod without host ports, but a script may', () => {
  assert.equal(hasNothingToDo({ type: 'portmap' }, runtime, '/bin/cat'), true)
  const capabilityArgs = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] }
  assert.equal(hasNothingToDo({ type: 'portmap' }, { ...runtime, capabilityArgs }, '/bin/cat'), false)
  assert.equal(hasNothingToDo({ type: 'portmap', runtimeConfig: {} }, runtime, '/bin/cat'), false)
  assert.equal(hasNothingToDo({ type: 'bandwidth' }, runtime, '/bin/cat'), false)
  assert.equal(hasNothingToDo({ type: 'portmap' }, runtime, import.meta.filename), false)
})

test('it is called neither for ADD nor for DEL, and the result is that of the one before', async () => {
  using plugins = echoingPlugins()
  // Should it be called, it fails.
  copyFileSync('/bin/false', join(plugins.binDir, 'portmap'))
  chmodSync(join(plugins.binDir, 'portmap'), 0o755)
  const network = plugins.network()
  assert.deepEqual((await network.attach(requestFor('s'))).ips, [addressResult.ips[0]?.address.split('/')[0]])
  await network.detach('s')
  assert.deepEqual(network.attachments(), [])
  const hostPorts = [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }] as const
  await assert.rejects(network.attach(requestFor('s', { hostPorts })), /portmap/)
})

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { asksForPod } from './indifferent-plugins.ts'
import type { NetworkConfiguration, PluginConfiguration } from './network-configuration.ts'
import type { AttachRequest } from './port.ts'
import { addressResult, echoingPlugins, requestFor } from './scripted-plugins.ts'

const netns = '/proc/self/ns/net'

test('a namespace attached ahead is given to the pod that comes for it, and DEL is told its names', async () => {
  using plugins = echoingPlugins()
  const network = plugins.network()
  assert.equal(await network.attachAhead('s', netns), true)
  assert.deepEqual(
    network.attachments().map(({ stage, ahead }) => ({ stage, ahead })),
    [{ stage: 'attached', ahead: true }],
  )
  const restarted = plugins.network()
  assert.equal(restarted.attachments()[0]?.ahead, true)
  const request = requestFor('s')
  assert.equal(restarted.suits(request), true)
  assert.deepEqual((await restarted.attach(request)).ips, ['10.1.0.2'])
  assert.equal(restarted.attachments()[0]?.ahead, undefined)
  assert.equal(restarted.suits(request), false)
  plugins.plugin('portmap')
  plugins.plugin('bridge')
  await plugins.network().detach('s')
  assert.deepEqual(plugins.calls, ['DEL portmap', 'DEL bridge'])
  assert.match(plugins.environment('DEL', 'bridge').CNI_ARGS ?? '', /K8S_POD_NAME=web/)
})

test('it does not suit a pod that needs something else, a changed network, or a namespace that is gone', async () => {
  using plugins = echoingPlugins()
  const network = plugins.network()
  await network.attachAhead('s', netns)
  const suits = (more: Partial<AttachRequest>) => network.suits(requestFor('s', more))
  assert.equal(suits({ annotations: { a: 'b' }, cgroupParent: '/pod', bandwidth: { ingressRate: 1 } }), true)
  assert.equal(suits({ hostPorts: [{ protocol: 'tcp', containerPort: 80, hostPort: 0 }] }), true)
  assert.equal(suits({ hostPorts: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }] }), false)
  assert.equal(suits({ netnsPath: '/proc/self/ns/none' }), false)
  assert.equal(network.suits(requestFor('another')), false)
  const plugin = { type: 'bridge', capabilities: { bandwidth: true }, ...addressResult }
  plugins.configure('10-pods.conflist', { name: 'pods', cniVersion: '1.0.0', plugins: [plugin] })
  assert.equal(suits({}), false)
})

test('what does not suit is attached anew', async () => {
  using plugins = echoingPlugins()
  const network = plugins.network()
  await network.attachAhead('s', netns)
  const changed = { ...addressResult, ips: [{ address: '10.1.0.3/24', interface: 1 }] }
  plugins.configure('10-pods.conflist', {
    name: 'pods',
    cniVersion: '1.0.0',
    plugins: [{ type: 'bridge', ...changed }],
  })
  assert.deepEqual((await network.attach(requestFor('s'))).ips, ['10.1.0.3'])
  assert.equal(network.attachments()[0]?.ahead, undefined)
})

test('no network with a plugin that may ask who the pod is', async () => {
  using plugins = echoingPlugins()
  const asks = (...list: PluginConfiguration[]): boolean => {
    const network: NetworkConfiguration = { name: 'pods', cniVersion: '1.0.0', plugins: list }
    return asksForPod(network, [plugins.binDir, '/bin'])
  }
  assert.equal(asks({ type: 'bridge', ipam: { type: 'host-local' } }, { type: 'portmap' }), false)
  assert.equal(asks({ type: 'bridge', ipam: { type: 'dhcp' } }), true)
  assert.equal(asks({ type: 'bridge' }, { type: 'cat' }), true)
  assert.equal(asks({ type: 'bridge', delegate: { type: 'calico' } }), true)
  assert.equal(asks({ type: 'bridge', delegate: { ipam: { type: 'calico-ipam' } } }), true)
  assert.equal(asks({ type: 'bridge', delegate: { isDefaultGateway: true } }), false)
  assert.equal(asks({ type: 'ptp' }), true, 'it is not installed')
  writeFileSync(join(plugins.binDir, 'ptp'), '#!/bin/sh\n', { mode: 0o755 })
  assert.equal(asks({ type: 'ptp' }), true, 'a script under the name')

  plugins.plugin('bridge')
  const network = plugins.network()
  assert.equal(await network.attachAhead('s', netns), false)
  assert.deepEqual(network.attachments(), [])
  assert.deepEqual(plugins.calls, [])
})

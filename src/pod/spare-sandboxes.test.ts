import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { patiently } from '../lib/testing/patiently.ts'
import { silentLogger } from '../lib/log.ts'
import { FakeNetwork } from '../network/fake-network.ts'
import type { Operation } from '../state/operations.ts'
import { Layout } from './layout.ts'
import { SpareSandboxes } from './spare-sandboxes.ts'

const pod = { podNamespace: 'default', podName: 'web', podUid: 'u-1' }

function world(t: TestContext, count = 1) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-spares-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const layout = new Layout(join(folder, 'root'), join(folder, 'state'))
  const network = new FakeNetwork()
  const underWay: Operation[] = []
  const operations = { list: () => underWay }
  const makeNamespace = (path: string) => writeFileSync(path, '')
  const options = { count: () => count, layout, network, operations, makeNamespace, log: silentLogger }
  const spares = new SpareSandboxes(options)
  t.after(() => spares.close())
  return { layout, network, underWay, spares, options }
}

/** The ids of what is attached ahead. */
function ahead(network: FakeNetwork): string[] {
  return network
    .attachments()
    .filter((each) => each.ahead)
    .map(({ sandboxId }) => sandboxId)
}

test('as many as wanted are made, one is taken by a pod, and another is made for it', async (t) => {
  const { network, spares, layout } = world(t, 2)
  spares.fillSoon()
  await t.waitFor(() => assert.equal(ahead(network).length, 2), patiently)
  const [first = ''] = ahead(network)
  assert.ok(spares.has(first))
  assert.equal(spares.take(pod), first)
  assert.ok(!spares.has(first))
  assert.ok(existsSync(layout.sandbox(first).netns))
  spares.fillSoon()
  await t.waitFor(() => assert.equal(ahead(network).length, 3), patiently)
  await spares.close()
  assert.deepEqual(ahead(network), [first])
})

test('a pod that none suits gets none', async (t) => {
  const { network, spares } = world(t)
  assert.equal(spares.take(pod), undefined)
  spares.fillSoon()
  await t.waitFor(() => assert.equal(ahead(network).length, 1), patiently)
  const hostPorts = [{ protocol: 'tcp', containerPort: 80, hostPort: 8080 }] as const
  assert.equal(spares.take({ ...pod, hostPorts }), undefined)
})

test('none is made while something is under way or the network is not ready', async (t) => {
  const { network, spares, underWay } = world(t)
  underWay.push({ name: 'RunPodSandbox', key: 'k', stage: 'beginning', startedAt: 0, stageSince: 0 })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  spares.fillSoon()
  t.mock.timers.tick(1000)
  assert.deepEqual(network.calls, [])
  underWay.pop()
  network.readiness = { ready: false, reason: 'NetworkPluginNotReady', message: 'no configuration' }
  t.mock.timers.tick(1000)
  assert.deepEqual(network.calls, [])
  network.readiness = { ready: true, reason: '', message: '' }
  spares.fillSoon()
  t.mock.timers.tick(1000)
  t.mock.timers.reset()
  await t.waitFor(() => assert.equal(ahead(network).length, 1), patiently)
})

test('what fails is not left, and is not tried again at once', async (t) => {
  const { network, spares, layout } = world(t, 2)
  network.nextAttachError = new Error('no address left')
  spares.fillSoon()
  await t.waitFor(() => assert.ok(network.calls.length > 0), patiently)
  const [id = ''] = network.calls.map((call) => call.split(' ')[1])
  await t.waitFor(() => assert.ok(!existsSync(layout.sandbox(id).folder)), patiently)
  await t.waitFor(() => assert.ok(!spares.has(id)), patiently)
  assert.deepEqual(network.calls, [`attach ${id}`, `detach ${id}`])
})

test('one that no pod could use any more is replaced', async (t) => {
  const { network, spares } = world(t)
  spares.fillSoon()
  await t.waitFor(() => assert.equal(ahead(network).length, 1), patiently)
  const [old = ''] = ahead(network)
  t.mock.method(network, 'suits', ({ sandboxId }: { sandboxId: string }) => sandboxId !== old)
  spares.fillSoon()
  await t.waitFor(() => assert.ok(network.calls.includes(`detach ${old}`)), patiently)
  await t.waitFor(() => assert.equal(ahead(network).length, 1), patiently)
})

test('what a killed berthd left is taken up', async (t) => {
  const { network, spares, options } = world(t)
  spares.fillSoon()
  await t.waitFor(() => assert.equal(ahead(network).length, 1), patiently)
  const next = new SpareSandboxes(options)
  next.recover()
  t.after(() => next.close())
  const [id] = ahead(network)
  assert.ok(id !== undefined && next.has(id))
  assert.equal(next.take(pod), id)
})

test('another number counts at the next look', async (t) => {
  const { network, spares, options } = world(t, 2)
  options.count = () => 1
  spares.fillSoon()
  await t.waitFor(() => assert.equal(spares.count, 1), patiently)
  options.count = () => 3
  spares.fillSoon()
  await t.waitFor(() => assert.equal(ahead(network).length, 3), patiently)
  spares.take(pod)
  assert.deepEqual(spares.asked.entries(), [[['taken'], 1]])
})

test('what is left is removed when none are wanted any more', async (t) => {
  const { network, spares, options } = world(t)
  spares.fillSoon()
  await t.waitFor(() => assert.equal(ahead(network).length, 1), patiently)
  const next = new SpareSandboxes({ ...options, count: () => 0 })
  t.after(() => next.close())
  next.recover()
  await t.waitFor(() => assert.deepEqual(ahead(network), []), patiently)
})

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import type { Fault } from '../../src/lib/fault-point.ts'
import type { FaultPointName } from '../../src/lib/fault-point-names.ts'
import { Berthd } from '../harness/berthd.ts'
import { berth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { FaultFolder } from '../harness/fault-folder.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/*
 * Networks that are attached before their pods are asked for (`cni.attach_ahead`), and what is left of them when berthd is
 * killed at any step. The harness finds the machine as it was when a test has ended.
 */

let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 60_000 }

async function withSpare(t: TestContext) {
  const faults = new FaultFolder()
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.host },
    config: { cni: { attach_ahead: 1 } },
    launcher: faults.launcher,
  })
  // At its end berthd removes the spare, and passes fault points.
  t.after(() => faults[Symbol.dispose]())
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  const { addresses, bridge, state } = berthd.place
  const folder = join(addresses, bridge)
  return {
    faults,
    berthd,
    client,
    /** The addresses that are given away, with the sandbox that has each. */
    addresses: () =>
      new Map(
        readdirSync(folder)
          .filter((name) => /^\d/.test(name))
          .map((ip) => [readFileSync(join(folder, ip), 'utf8').split(/\s/)[0] ?? '', ip]),
      ),
    /** The ids of sandboxes that have a folder. */
    folders: () => readdirSync(join(state, 'sandboxes')),
  }
}

type World = Awaited<ReturnType<typeof withSpare>>

/** Waits until there is a spare beside these pods, and nothing else; answers its id. */
function spareBeside({ berthd, folders, addresses }: World, pods: readonly string[] = []): Promise<string> {
  return eventually('there is one spare', () => {
    const [id, ...more] = folders().filter((folder) => !pods.includes(folder))
    const given = addresses()
    const complete = id !== undefined && more.length === 0 && given.has(id) && given.size === pods.length + 1
    const isAttached = () =>
      berthd
        .log()
        .split('\n')
        .some((line) => line.includes('attached to the network') && line.includes(id ?? ''))
    return complete && isAttached() ? id : undefined
  })
}

async function ipOf({ client }: World, podSandboxId: string): Promise<string | undefined> {
  return (await client.runtime.podSandboxStatus({ podSandboxId })).status?.network?.ip
}

test('a pod gets the network that was attached ahead, unless it needs another', options, async (t) => {
  const world = await withSpare(t)
  const { client, berthd, addresses } = world
  await client.pull()
  const first = await spareBeside(world)
  const pod = await client.runSandbox(client.sandboxConfig('web'))
  assert.equal(pod, first)
  const ip = await ipOf(world, pod)
  assert.equal(ip, addresses().get(pod))
  const script =
    'hostname; ip -4 -o addr show dev eth0 | cut -d" " -f7; ping -c 1 $(ip route | cut -d" " -f3 | head -n 1) >&2 && echo up'
  const container = await client.runContainer(pod, client.containerConfig('c', script))
  await client.logged(container, 'up')
  assert.deepEqual((await client.logLines(container)).slice(0, 2), ['web', `${ip}/24`])

  const second = await spareBeside(world, [pod])
  assert.deepEqual(JSON.parse(await berth(berthd.endpoint, ['check', '-o', 'json'])).findings ?? [], [])
  const withPort = await client.runSandbox(
    client.sandboxConfig('port', { portMappings: [{ containerPort: 80, hostPort: 18_764 }] }),
  )
  assert.notEqual(withPort, second)
  await berthd.restart()
  client.reconnect()
  await spareBeside(world, [pod, withPort])

  const file = join(berthd.place.cniFolder, '10-test.conflist')
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('"portMappings":true', '"portMappings":true,"bandwidth":false'),
  )
  const old = await spareBeside(world, [pod, withPort])
  const other = await client.runSandbox(client.sandboxConfig('other'))
  assert.notEqual(other, old)
  for (const each of [pod, withPort, other]) await client.removeSandbox(each)
  await spareBeside(world)
})

/** The points at which making a spare is cut short: the second passing of those that the pod passes too, which takes the one before. */
const whileMade: readonly Omit<Fault, 'kill'>[] = [
  { point: 'namespaces:pinned', passing: 2 },
  { point: 'network:attachment-recorded' },
  { point: 'network:plugins-added' },
]

const whileTaken: readonly FaultPointName[] = ['run-sandbox:recorded', 'run-sandbox:network-attached']

test('berthd killed while one is made, or taken by a pod', options, async (t) => {
  const world = await withSpare(t)
  const { client, berthd, faults } = world
  const killed = async () => {
    await faults.fired()
    await berthd.died()
    await berthd.start()
    client.reconnect()
  }
  for (const fault of whileMade) {
    await t.test(`made: ${fault.point}`, async () => {
      const spare = await spareBeside(world)
      faults.arm({ ...fault, kill: ['self'] })
      const pod = await client.runSandbox(client.sandboxConfig('web'))
      assert.equal(pod, spare)
      await killed()
      await spareBeside(world, [pod])
      await client.removeSandbox(pod)
    })
  }
  for (const point of whileTaken) {
    await t.test(`taken: ${point}`, async () => {
      await spareBeside(world)
      faults.arm({ point, kill: ['self'] })
      await assert.rejects(client.runSandbox(client.sandboxConfig('web')))
      await killed()
      const pod = await client.runSandbox(client.sandboxConfig('web'))
      assert.equal(await ipOf(world, pod), world.addresses().get(pod))
      await spareBeside(world, [pod])
      await client.removeSandbox(pod)
    })
  }
  await spareBeside(world)
})

test('a step that fails leaves nothing of the spare that a pod has taken', options, async (t) => {
  const world = await withSpare(t)
  const { client, faults } = world
  const spare = await spareBeside(world)
  faults.arm({ point: 'run-sandbox:recorded', error: 'something fails' })
  await assert.rejects(client.runSandbox(client.sandboxConfig('web')), /something fails/)
  assert.ok(!world.folders().includes(spare))
  const pod = await client.runSandbox(client.sandboxConfig('web'))
  assert.notEqual(await spareBeside(world, [pod]), spare)
  await client.removeSandbox(pod)
})

import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { CriError } from '../../src/client/index.ts'
import { ContainerState } from '../../src/gen/cri_pb.ts'
import { Berthd } from '../harness/berthd.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { FaultRegistry } from '../registry/fault-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** Bad input gets a clear status, a message that says what to do, and changes nothing on the machine. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 60_000 }

/** A berthd with the test image pulled, and a pod. */
async function podOf(t: TestContext, config = {}) {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host }, config })
  const client = new PodClient(berthd)
  await client.pull()
  const empty = berthd.snapshot()
  const sandboxConfig = client.sandboxConfig('victim')
  const pod = await client.runSandbox(sandboxConfig)
  const before = berthd.snapshot()
  return {
    berthd,
    client,
    sandboxConfig,
    pod,
    /** The call fails with that status and message, and the machine is as before it. */
    async refused(call: () => Promise<unknown>, codeName: string, message: RegExp) {
      await assertFails(call(), codeName, message)
      await berthd.assertAsAt(before)
    },
    async end() {
      await client.removeSandbox(pod)
      await berthd.assertAsAt(empty)
      client[Symbol.dispose]()
    },
  }
}

async function assertFails(call: Promise<unknown>, codeName: string, message: RegExp): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof CriError, String(error))
    assert.equal(error.codeName, codeName, error.message)
    assert.match(error.message, message)
    return true
  })
}

test('images that cannot be had', options, async (t) => {
  const faults = await FaultRegistry.start()
  t.after(() => faults.stop())
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  const before = berthd.snapshot()
  const pull = (image: string) => client.pull(image)

  await assertFails(pull(`${registry.host}/library/nothing:latest`), 'NOT_FOUND', /nothing:latest/)
  await assertFails(pull('127.0.0.1:1/library/busybox:latest'), 'UNKNOWN', /^RegistryUnavailable: .*127\.0\.0\.1:1/)
  await assertFails(pull('library/UPPER'), 'INVALID_ARGUMENT', /library\/UPPER/)
  await assertFails(pull(''), 'INVALID_ARGUMENT', /names no image/)

  const image = busyboxImage()
  faults.add('library/broken', 'latest', image)
  const [layer] = image.layers
  assert.ok(layer)
  const spoiled = Buffer.from(layer.bytes)
  spoiled[spoiled.length - 20] = (spoiled[spoiled.length - 20] ?? 0) ^ 0xff
  faults.addBlob('library/broken', { ...layer, bytes: spoiled })
  await assertFails(pull(`${faults.host}/library/broken:latest`), 'UNKNOWN', /digest|sha256/)

  assert.deepEqual((await client.image.listImages({})).images, [])
  await berthd.assertAsAt(before)
})

test('requests that are wrong in themselves', options, async (t) => {
  const { client, pod, sandboxConfig, refused, end } = await podOf(t)
  const { runtime } = client
  const config = client.containerConfig('c', 'true')
  const unknown = 'f'.repeat(64)
  const create = (change: object) => () =>
    runtime.createContainer({ podSandboxId: pod, config: client.containerConfig('c', 'true', change) })

  await refused(() => runtime.runPodSandbox({}), 'INVALID_ARGUMENT', /metadata/)
  await refused(
    () => runtime.runPodSandbox({ config: { metadata: { name: 'x' } } }),
    'INVALID_ARGUMENT',
    /metadata\.namespace/,
  )
  await refused(() => runtime.createContainer({ podSandboxId: pod }), 'INVALID_ARGUMENT', /metadata/)
  await refused(() => runtime.createContainer({ podSandboxId: unknown, config }), 'NOT_FOUND', /sandbox "f+" not found/)
  await refused(create({ image: { image: 'absent:latest' } }), 'NOT_FOUND', /absent:latest.*pull/s)
  await refused(create({ image: {} }), 'INVALID_ARGUMENT', /no image/)
  await refused(create({ logPath: '../../etc/passwd' }), 'INVALID_ARGUMENT', /log_path/)
  await refused(create({ mounts: [{ containerPath: '/../../x\0', hostPath: '/tmp' }] }), 'INVALID_ARGUMENT', /mounts/)
  await refused(
    create({ command: [], args: [], image: { image: 'docker.io/library/busybox:latest' }, envs: [{ key: 'A=B' }] }),
    'INVALID_ARGUMENT',
    /env/,
  )

  await refused(() => runtime.podSandboxStatus({ podSandboxId: unknown }), 'NOT_FOUND', /not found/)
  await refused(() => runtime.containerStatus({ containerId: unknown }), 'NOT_FOUND', /not found/)
  await refused(() => runtime.startContainer({ containerId: unknown }), 'NOT_FOUND', /not found/)
  await refused(() => runtime.execSync({ containerId: unknown, cmd: ['true'] }), 'NOT_FOUND', /not found/)
  await refused(
    () => runtime.runPodSandbox({ config: client.sandboxConfig('x'), runtimeHandler: 'nope' }),
    'INVALID_ARGUMENT',
    /"nope".*runc/,
  )
  const sysctl = client.sandboxConfig('x', { linux: { sysctls: { 'kernel.panic': '1' } } })
  await refused(() => runtime.runPodSandbox({ config: sysctl }), 'INVALID_ARGUMENT', /kernel\.panic/)

  // What is gone already is no error to take away (kubelet-contract F2).
  await runtime.stopContainer({ containerId: unknown })
  await runtime.removeContainer({ containerId: unknown })
  await runtime.stopPodSandbox({ podSandboxId: unknown })
  await runtime.removePodSandbox({ podSandboxId: unknown })
  await client.image.removeImage({ image: { image: 'absent:latest' } })
  assert.equal((await client.image.imageStatus({ image: { image: 'absent:latest' } })).image, undefined)

  const again = await client.runSandbox(sandboxConfig)
  assert.equal(again, pod)
  await end()
})

test('names that are taken', options, async (t) => {
  const { client, pod, sandboxConfig, refused, end } = await podOf(t)
  const other = client.sandboxConfig('victim', { labels: { another: 'pod' } })
  assert.equal(await client.runSandbox(sandboxConfig), pod)
  await refused(() => client.runSandbox(other), 'ALREADY_EXISTS', new RegExp(`taken by sandbox ${pod}`))

  const config = client.containerConfig('c', 'exit 0')
  const both = await Promise.all([client.createContainer(pod, config), client.createContainer(pod, config)])
  const [container = ''] = both
  assert.deepEqual(both, [container, container])
  const changed = client.containerConfig('c', 'exit 1')
  await assertFails(
    client.createContainer(pod, changed),
    'ALREADY_EXISTS',
    new RegExp(`taken by container ${container}`),
  )
  await client.runtime.startContainer({ containerId: container })
  await client.exited(container)
  await assertFails(client.createContainer(pod, config), 'ALREADY_EXISTS', /is exited/)
  await assertFails(client.runtime.startContainer({ containerId: container }), 'FAILED_PRECONDITION', /is exited/)
  await assertFails(
    client.runtime.execSync({ containerId: container, cmd: ['true'] }),
    'FAILED_PRECONDITION',
    /is exited/,
  )
  await end()
})

test('a command that the image does not have', options, async (t) => {
  const { berthd, client, pod, end } = await podOf(t)
  const config = client.containerConfig('c', '', { command: ['/bin/no-such-thing'] })
  const before = berthd.snapshot()
  const container = await client.createContainer(pod, config)
  const start = client.runtime.startContainer({ containerId: container })
  await assertFails(start, 'INVALID_ARGUMENT', /no-such-thing.*check the container's command/)
  const status = await client.status(container)
  assert.deepEqual([status.state, status.exitCode, status.reason], [ContainerState.CONTAINER_EXITED, 128, 'StartError'])
  assert.match(status.message, /no-such-thing/)
  assert.ok(status.startedAt > 0n && status.finishedAt >= status.startedAt)

  const running = await client.runContainer(pod, client.containerConfig('d', 'sleep 1000'))
  const exec = client.runtime.execSync({ containerId: running, cmd: ['no-such-thing'] })
  await assertFails(exec, 'INVALID_ARGUMENT', /no-such-thing/)
  const slow = client.runtime.execSync({ containerId: running, cmd: ['sleep', '1000'], timeout: 1n })
  await assertFails(slow, 'DEADLINE_EXCEEDED', /1 s/)
  for (const containerId of [container, running]) await client.runtime.removeContainer({ containerId })
  await berthd.assertAsAt(before)
  await end()
})

test('no network configuration', options, async (t) => {
  const berthd = await Berthd.start(t, { withoutNetwork: true })
  using client = new PodClient(berthd)
  const before = berthd.snapshot()
  const { status } = await client.runtime.status({})
  const network = status?.conditions.find(({ type }) => type === 'NetworkReady')
  assert.deepEqual([network?.status, network?.reason], [false, 'NetworkPluginNotReady'])
  assert.match(network?.message ?? '', new RegExp(berthd.place.cniFolder))
  const run = client.runSandbox(client.sandboxConfig('offline'))
  await assertFails(run, 'FAILED_PRECONDITION', new RegExp(`NetworkPluginNotReady.*${berthd.place.cniFolder}`))
  await berthd.assertAsAt(before)

  const host = client.sandboxConfig('on-host', {
    linux: { securityContext: { namespaceOptions: { network: 2, pid: 1 } } },
  })
  const pod = await client.runSandbox(host)
  assert.equal((await client.runtime.podSandboxStatus({ podSandboxId: pod })).status?.network?.ip, '')
  await client.removeSandbox(pod)
  await berthd.assertAsAt(before)
})

test('no OCI runtime', options, async (t) => {
  const berthd = await Berthd.start(t, { config: { runtime: { runc: { path: '/nowhere/runc' } } } })
  using client = new PodClient(berthd)
  const before = berthd.snapshot()
  const run = client.runSandbox(client.sandboxConfig('unrunnable'))
  await assertFails(run, 'FAILED_PRECONDITION', /\/nowhere\/runc.*install it/)
  assert.deepEqual((await client.runtime.listPodSandbox({})).items, [])
  const { status } = await client.runtime.status({})
  const condition = status?.conditions.find(({ type }) => type === 'RuntimeReady')
  assert.deepEqual([condition?.status, condition?.reason], [false, 'NoRuntime'])
  assert.match(condition?.message ?? '', /no executable file \/nowhere\/runc/)
  await berthd.assertAsAt(before)
})

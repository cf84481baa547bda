import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { CriError } from '../../src/client/index.ts'
import { Berthd } from '../harness/berthd.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** UpdateContainerResources: all or nothing, in force at once, shown at once. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 60_000 }
const MiB = 1n << 20n

async function setting(t: TestContext) {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('resized'))
  const config = client.containerConfig('main', 'echo ready; while :; do sleep 100; done', {
    linux: {
      resources: { memoryLimitInBytes: 64n * MiB, cpuShares: 256n, cpuQuota: 20_000n, cpuPeriod: 100_000n },
      securityContext: { namespaceOptions: { pid: 1 } },
    },
  })
  return {
    berthd,
    client,
    pod,
    config,
    update: (containerId: string, linux: object) => client.runtime.updateContainerResources({ containerId, linux }),
    /** What is in force, read inside the container: memory limit in bytes and CPU quota in microseconds. */
    async inForce(containerId: string) {
      const read = async (v2: string, v1: string) => {
        const script = `cat /sys/fs/cgroup/${v2} 2>/dev/null || cat /sys/fs/cgroup/${v1}`
        const { stdout } = await client.runtime.execSync({ containerId, cmd: ['/bin/sh', '-c', script] })
        return Buffer.from(stdout).toString().trim().split(' ')[0]
      }
      return {
        memory: await read('memory.max', 'memory/memory.limit_in_bytes'),
        quota: await read('cpu.max', 'cpu/cpu.cfs_quota_us'),
      }
    },
    async end() {
      await client.removeSandbox(pod)
      client[Symbol.dispose]()
    },
  }
}

test(
  'a running container: up, down, a part only; shown by the next status, and after a restart',
  options,
  async (t) => {
    const { berthd, client, pod, config, update, inForce, end } = await setting(t)
    const container = await client.runContainer(pod, config)
    await client.logged(container, 'ready')
    assert.deepEqual(await inForce(container), { memory: String(64n * MiB), quota: '20000' })

    await update(container, { memoryLimitInBytes: 128n * MiB, cpuQuota: 60_000n, cpuPeriod: 100_000n, cpuShares: 512n })
    assert.deepEqual(await inForce(container), { memory: String(128n * MiB), quota: '60000' })
    const shown = async () => (await client.status(container)).resources?.linux
    const all = await shown()
    assert.deepEqual(
      [all?.memoryLimitInBytes, all?.cpuQuota, all?.cpuPeriod, all?.cpuShares],
      [128n * MiB, 60_000n, 100_000n, 512n],
    )

    await update(container, { memoryLimitInBytes: 32n * MiB })
    assert.deepEqual(await inForce(container), { memory: String(32n * MiB), quota: '60000' })
    await update(container, { cpuQuota: -1n })
    assert.match((await inForce(container)).quota ?? '', /^(-1|max)$/)
    assert.deepEqual([(await shown())?.memoryLimitInBytes, (await shown())?.cpuQuota], [32n * MiB, -1n])

    await berthd.restart()
    client.reconnect()
    assert.deepEqual([(await shown())?.memoryLimitInBytes, (await shown())?.cpuShares], [32n * MiB, 512n])
    await end()
  },
)

test('memory that is in use stays, and so does everything else that was asked for with it', options, async (t) => {
  const { client, pod, config, update, inForce, end } = await setting(t)
  const container = await client.runContainer(pod, config)
  await client.logged(container, 'ready')
  const hold = ['/bin/sh', '-c', 'dd if=/dev/zero of=/dev/shm/held bs=1M count=30']
  await client.runtime.execSync({ containerId: container, cmd: hold })
  const before = await client.status(container)

  await assertFails(
    update(container, { memoryLimitInBytes: 8n * MiB, cpuQuota: 90_000n }),
    'FAILED_PRECONDITION',
    /in use/,
  )
  assert.deepEqual(await inForce(container), { memory: String(64n * MiB), quota: '20000' })
  // A CPU that no machine has: the memory limit, written before it, goes back.
  await assertFails(update(container, { memoryLimitInBytes: 96n * MiB, cpusetCpus: '4000' }), 'UNKNOWN', /cpuset\.cpus/)
  assert.deepEqual(await inForce(container), { memory: String(64n * MiB), quota: '20000' })
  assert.deepEqual(await client.status(container), before)

  const sizes = [96n, 80n, 112n, 72n].map((size) => size * MiB)
  await Promise.all(sizes.map((memoryLimitInBytes) => update(container, { memoryLimitInBytes })))
  const { resources } = await client.status(container)
  assert.equal((await inForce(container)).memory, String(resources?.linux?.memoryLimitInBytes))
  await end()
})

test('a created container starts with the new limits; one that has ended has none to change', options, async (t) => {
  const { client, pod, config, update, inForce, end } = await setting(t)
  const container = await client.createContainer(pod, config)
  await update(container, { memoryLimitInBytes: 96n * MiB, cpuQuota: 30_000n })
  assert.equal((await client.status(container)).resources?.linux?.memoryLimitInBytes, 96n * MiB)
  await client.runtime.startContainer({ containerId: container })
  await client.logged(container, 'ready')
  assert.deepEqual(await inForce(container), { memory: String(96n * MiB), quota: '30000' })
  await client.runtime.stopContainer({ containerId: container, timeout: 0n })
  await assertFails(update(container, { cpuShares: 5n }), 'FAILED_PRECONDITION', /is exited/)
  await end()
})

test('requests that make no sense change nothing', options, async (t) => {
  const { client, pod, config, update, inForce, end } = await setting(t)
  const container = await client.runContainer(pod, config)
  await client.logged(container, 'ready')
  const bad: [object, RegExp][] = [
    [{ memoryLimitInBytes: -2n }, /memory_limit_in_bytes/],
    [{ memoryLimitInBytes: 64n * MiB, memorySwapLimitInBytes: 1n * MiB }, /memory_swap_limit_in_bytes/],
    [{ cpuQuota: -5n }, /cpu_quota/],
    [{ cpusetCpus: '0;1' }, /cpuset_cpus/],
    [{ oomScoreAdj: 2000n }, /oom_score_adj/],
    [{ unified: { '../memory.max': '1' } }, /unified/],
  ]
  for (const [linux, message] of bad) await assertFails(update(container, linux), 'INVALID_ARGUMENT', message)
  await assertFails(update('unknown', { cpuShares: 5n }), 'NOT_FOUND', /unknown/)
  await assertFails(update('', { cpuShares: 5n }), 'INVALID_ARGUMENT', /empty/)
  await client.runtime.updateContainerResources({ containerId: container })
  assert.deepEqual(await inForce(container), { memory: String(64n * MiB), quota: '20000' })

  const resources = { cpuShares: 1000n, memoryLimitInBytes: 100n * MiB }
  const overhead = { cpuShares: 10n }
  await client.runtime.updatePodSandboxResources({ podSandboxId: pod, resources, overhead })
  const { info } = await client.runtime.podSandboxStatus({ podSandboxId: pod, verbose: true })
  const shown = JSON.parse(info.info ?? '{}') as { config: { linux: Record<'resources' | 'overhead', object> } }
  assert.deepEqual(shown.config.linux.overhead, { cpuShares: '10' })
  assert.deepEqual(shown.config.linux.resources, { cpuShares: '1000', memoryLimitInBytes: String(100n * MiB) })
  await assertFails(
    client.runtime.updatePodSandboxResources({ podSandboxId: pod, resources: { cpuQuota: -5n } }),
    'INVALID_ARGUMENT',
    /cpu_quota/,
  )
  await client.runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: '10.1.0.0/24' } } })
  await end()
})

async function assertFails(call: Promise<unknown>, codeName: string, message: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof CriError, String(error))
    assert.equal(error.codeName, codeName, error.message)
    assert.match(error.message, message)
    return true
  })
}

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { MetricType } from '../../src/gen/cri_pb.ts'
import { Berthd } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** What containers and pods use, as ContainerStats, PodSandboxStats and the metrics tell it. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 60_000 }
const MiB = 1n << 20n

test('a container that works: CPU, memory, what it wrote, its network', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('busy', { labels: { app: 'busy' } }))
  const work = [
    'dd if=/dev/zero of=/written bs=1M count=5',
    'dd if=/dev/zero of=/dev/shm/held bs=1M count=20',
    `wget -T 1 http://${berthd.place.network}.1:9/`,
    'echo ready',
    'while :; do :; done',
  ].join('; ')
  const resources = { memoryLimitInBytes: 64n * MiB, cpuShares: 512n, cpuQuota: 50_000n, cpuPeriod: 100_000n }
  const config = client.containerConfig('worker', work, {
    labels: { role: 'worker' },
    linux: { resources, securityContext: { namespaceOptions: { pid: 1 } } },
  })
  const worker = await client.runContainer(pod, config)
  await client.logged(worker, 'ready')

  const statsOf = async () => (await client.runtime.containerStats({ containerId: worker })).stats
  await eventually('it has used CPU time and been measured', async () => {
    const stats = await statsOf()
    return (stats?.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 100_000_000n || undefined
  })
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  const stats = await statsOf()
  assert.equal(stats?.attributes?.id, worker)
  assert.equal(stats?.attributes?.metadata?.name, 'worker')
  const { cpu, memory, swap, writableLayer } = stats
  const rate = cpu?.usageNanoCores?.value ?? 0n
  assert.ok(rate > 50_000_000n && rate < 900_000_000n, `half a core is ${rate}`)
  assert.ok(cpu?.timestamp && memory?.timestamp && writableLayer?.timestamp)
  const used = memory?.usageBytes?.value ?? 0n
  const workingSet = memory?.workingSetBytes?.value ?? 0n
  assert.ok(used > 20n * MiB && used <= 64n * MiB, `memory: ${used}`)
  assert.ok(workingSet > 20n * MiB && workingSet <= used, `working set: ${workingSet}`)
  assert.equal(memory?.availableBytes?.value, 64n * MiB - workingSet)
  assert.ok((memory?.pageFaults?.value ?? 0n) > 0n)
  assert.equal(swap?.swapUsageBytes?.value ?? 0n, 0n)
  await eventually(
    'its files are measured',
    async () => {
      const { writableLayer: layer } = (await statsOf()) ?? {}
      return ((layer?.usedBytes?.value ?? 0n) >= 5n * MiB && (layer?.inodesUsed?.value ?? 0n) >= 2n) || undefined
    },
    20_000,
  )

  const { stats: podStats } = await client.runtime.podSandboxStats({ podSandboxId: pod })
  assert.equal(podStats?.attributes?.id, pod)
  assert.equal(podStats?.attributes?.metadata?.uid, 'uid-of-busy')
  const { linux: whole } = podStats
  assert.equal(whole?.containers.length, 1)
  assert.ok((whole?.cpu?.usageCoreNanoSeconds?.value ?? 0n) >= (cpu?.usageCoreNanoSeconds?.value ?? 0n))
  assert.ok((whole?.memory?.workingSetBytes?.value ?? 0n) > 20n * MiB)
  assert.equal(whole?.network?.defaultInterface?.name, 'eth0')
  assert.ok((whole?.network?.defaultInterface?.txBytes?.value ?? 0n) > 0n)
  assert.equal(whole?.process?.processCount?.value, 1n)

  await client.removeSandbox(pod)
})

test('lists and their filters; what has ended; every list as a stream', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  const { runtime } = client
  await client.pull()
  const red = await client.runSandbox(client.sandboxConfig('red', { labels: { colour: 'red' } }))
  const blue = await client.runSandbox(client.sandboxConfig('blue', { labels: { colour: 'blue' } }))
  const one = await client.runContainer(red, client.containerConfig('one', 'sleep 100', { labels: { n: '1' } }))
  const two = await client.runContainer(red, client.containerConfig('two', 'sleep 100', { labels: { n: '2' } }))
  const ended = await client.runContainer(blue, client.containerConfig('ended', 'true'))
  await client.exited(ended)

  const listed = async (filter: object) => (await runtime.listContainerStats({ filter })).stats.map(idOf).sort()
  assert.deepEqual(await listed({}), [one, two, ended].sort())
  assert.deepEqual(await listed({ podSandboxId: red }), [one, two].sort())
  assert.deepEqual(await listed({ podSandboxId: red, labelSelector: { n: '2' } }), [two])
  assert.deepEqual(await listed({ id: one }), [one])
  assert.deepEqual(await listed({ labelSelector: { n: '3' } }), [])
  const { stats: last } = await runtime.containerStats({ containerId: ended })
  assert.equal(last?.cpu, undefined)
  assert.ok(last?.writableLayer?.usedBytes)

  const pods = async (filter: object) => (await runtime.listPodSandboxStats({ filter })).stats.map(idOf).sort()
  assert.deepEqual(await pods({}), [red, blue].sort())
  assert.deepEqual(await pods({ labelSelector: { colour: 'blue' } }), [blue])
  assert.deepEqual(await pods({ id: red, labelSelector: { colour: 'blue' } }), [])

  const all = <Item>(lists: Item[][]) => lists.flat()
  const streamed = {
    containers: all(await Array.fromAsync(runtime.streamContainers({}), (page) => page.containers)).map(({ id }) => id),
    sandboxes: all(await Array.fromAsync(runtime.streamPodSandboxes({}), (page) => page.podSandboxes)).map(
      ({ id }) => id,
    ),
    stats: all(await Array.fromAsync(runtime.streamContainerStats({}), (page) => page.containerStats)).map(idOf),
    podStats: all(await Array.fromAsync(runtime.streamPodSandboxStats({}), (page) => page.podSandboxStats)).map(idOf),
    metrics: all(await Array.fromAsync(runtime.streamPodSandboxMetrics({}), (page) => page.podSandboxMetrics)).map(
      ({ podSandboxId }) => podSandboxId,
    ),
    images: all(await Array.fromAsync(client.image.streamImages({}), (page) => page.images)).map(({ id }) => id),
  }
  assert.deepEqual(streamed.containers.sort(), [one, two, ended].sort())
  assert.deepEqual(streamed.stats.sort(), [one, two, ended].sort())
  for (const ids of [streamed.sandboxes, streamed.podStats, streamed.metrics]) {
    assert.deepEqual(ids.sort(), [red, blue].sort())
  }
  const { images } = await client.image.listImages({})
  assert.deepEqual(
    streamed.images,
    images.map(({ id }) => id),
  )
  const none = await Array.fromAsync(runtime.streamContainers({ filter: { id: 'none' } }))
  assert.deepEqual(none, [])

  await client.removeSandbox(red)
  await client.removeSandbox(blue)
})

test('metrics have the labels that their descriptors say', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('measured'))
  const container = await client.runContainer(pod, client.containerConfig('main', 'sleep 100'))

  const { descriptors } = await client.runtime.listMetricDescriptors({})
  assert.deepEqual((await client.runtime.listMetricDescriptors({})).descriptors, descriptors)
  const keys = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys]))
  const { podMetrics } = await client.runtime.listPodSandboxMetrics({})
  assert.deepEqual(
    podMetrics.map(({ podSandboxId }) => podSandboxId),
    [pod],
  )
  const [ofPod] = podMetrics
  const ofContainer = ofPod?.containerMetrics.find(({ containerId }) => containerId === container)?.metrics ?? []
  for (const { name, labelValues } of [...(ofPod?.metrics ?? []), ...ofContainer]) {
    assert.equal(labelValues.length, keys.get(name)?.length, name)
  }
  const label = (name: string, key: string) => {
    const found = [...(ofPod?.metrics ?? []), ...ofContainer].find((metric) => metric.name === name)
    return found?.labelValues[keys.get(name)?.indexOf(key) ?? -1]
  }
  assert.equal(label('container_network_receive_bytes_total', 'interface'), 'eth0')
  assert.equal(label('container_network_receive_bytes_total', 'pod'), 'measured')
  assert.equal(label('container_threads', 'container'), 'main')
  assert.equal(label('container_threads', 'name'), container)
  assert.match(label('container_threads', 'id') ?? '', new RegExp(`${container}$`))
  const threads = ofContainer.find(({ name }) => name === 'container_threads')
  assert.deepEqual([threads?.value?.value, threads?.metricType], [1n, MetricType.GAUGE])
  const cpu = ofContainer.find(({ name }) => name === 'container_cpu_usage_seconds_total')
  assert.equal(cpu?.metricType, MetricType.COUNTER)

  await client.runtime.stopPodSandbox({ podSandboxId: pod })
  assert.deepEqual((await client.runtime.listPodSandboxMetrics({})).podMetrics, [])
  await client.removeSandbox(pod)
})

function idOf({ attributes }: { attributes?: { id: string } | undefined }): string {
  return attributes?.id ?? ''
}

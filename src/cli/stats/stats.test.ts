import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { ContainerStatsSchema, PodSandboxStatsSchema } from '../../client/index.ts'
import { FakeRuntime } from '../../client/testing/fake-runtime.ts'
import { berth } from '../testing/berth.ts'
import { containerUsage, podUsage } from './usage.ts'
import { containerRows, sortUsages } from './usage-table.ts'

const labels = { 'io.kubernetes.pod.name': 'web', 'io.kubernetes.pod.namespace': 'shop' }

/** A container that has used so many milliseconds of CPU by this second. */
function stats(name: string, second: number, cpuMs: number, memory = 0n, available = 0n) {
  const init = {
    attributes: { id: name.padEnd(64, '0'), metadata: { name }, labels },
    cpu: { timestamp: BigInt(second) * 10n ** 9n, usageCoreNanoSeconds: { value: BigInt(cpuMs) * 10n ** 6n } },
    memory: { workingSetBytes: { value: memory }, availableBytes: { value: available } },
    writableLayer: { usedBytes: { value: 4096n }, inodesUsed: { value: 3n } },
  } satisfies MessageInitShape<typeof ContainerStatsSchema>
  return create(ContainerStatsSchema, init)
}

test('CPU use is that between two samples', () => {
  const [before, now] = [stats('a', 10, 1000), stats('a', 12, 2500)]
  assert.equal(containerUsage(now, before, '').cpu, 75)
  assert.equal(containerUsage(now, undefined, '').cpu, undefined)
  const rate = { ...now, cpu: { ...now.cpu, usageNanoCores: { value: 5n * 10n ** 8n } } } as typeof now
  assert.equal(containerUsage(rate, undefined, '').cpu, 50)
  // The container was started anew meanwhile.
  assert.equal(containerUsage(stats('a', 13, 5), now, '').cpu, 0)
})

test('memory is told with its share of the limit, where there is one', () => {
  assert.equal(containerUsage(stats('a', 1, 0, 25n, 75n), undefined, '').memoryShare, 25)
  assert.equal(containerUsage(stats('a', 1, 0, 25n, 0n), undefined, '').memoryShare, undefined)
})

test('a pod has the traffic of all its interfaces', () => {
  const link = (rx: bigint) => ({ rxBytes: { value: rx }, txBytes: { value: 1n } })
  const pod = create(PodSandboxStatsSchema, {
    attributes: { id: 'p', metadata: { name: 'web', namespace: 'shop' } },
    linux: {
      network: { defaultInterface: link(10n), interfaces: [link(5n)] },
      process: { processCount: { value: 7n } },
    },
  })
  const { pod: name, received, sent, processes } = podUsage(pod, undefined)
  assert.deepEqual([name, received, sent, processes], ['shop/web', 15, 2, 7])
})

test('what takes most comes first', () => {
  const usages = [stats('b', 12, 100, 5n), stats('a', 12, 2000, 1n), stats('c', 12, 100, 9n)].map((now) =>
    containerUsage(now, stats('x', 10, 0), 'shop/web'),
  )
  const order = (key: 'cpu' | 'memory' | 'name') => sortUsages(usages, key).map(({ name }) => name)
  assert.deepEqual(
    [order('cpu'), order('memory'), order('name')],
    [
      ['a', 'b', 'c'],
      ['c', 'b', 'a'],
      ['a', 'b', 'c'],
    ],
  )
  assert.deepEqual(containerRows(usages)[1]?.slice(1), ['b', 'shop/web', '5.00', '5B', '-', '4.1kB', '3'])
})

test('berth stats and top show two samples, as a table or as data', async () => {
  let asked = 0
  const listContainerStats = () => ({ stats: [stats('app', ++asked, asked * 500, 1n), stats('ended', asked, 0)] })
  const listContainers = () => ({ containers: [{ id: 'app'.padEnd(64, '0'), metadata: { name: 'app' }, labels }] })
  await using fake = await FakeRuntime.serve({ runtime: { listContainerStats, listContainers } })
  const row = /^CONTAINER +NAME +POD +CPU %.*\n\S+ +app +shop\/web +50\.0 /
  assert.match((await berth(fake.endpoint, ['stats', '-s', '0'])).stdout, row)
  assert.match((await berth(fake.endpoint, ['top', '-i', '500ms'])).stdout, row)
  assert.doesNotMatch((await berth(fake.endpoint, ['stats', '-s', '0'])).stdout, /ended/)
  assert.match((await berth(fake.endpoint, ['stats', '-a', '-s', '0'])).stdout, /ended/)
  const { stdout } = await berth(fake.endpoint, ['stats', '-o', 'jsonpath={.stats[0].attributes.metadata.name}'])
  assert.equal(stdout, 'app\n')
})

test('berth events has a line for each', async () => {
  const status = { id: 's1', metadata: { name: 'web', namespace: 'shop', uid: 'u' } }
  const containersStatuses = [{ id: 'c1', metadata: { name: 'app' }, finishedAt: 5n, exitCode: 3, reason: 'Error' }]
  const getContainerEvents = () => [
    { containerId: 's1', containerEventType: 1, createdAt: 10n ** 18n, podSandboxStatus: status },
    { containerId: 'c1', containerEventType: 2, createdAt: 10n ** 18n, podSandboxStatus: status, containersStatuses },
    { containerId: 'c1', containerEventType: 3, createdAt: 10n ** 18n, podSandboxStatus: status },
    { containerId: 'c0', containerEventType: 3, createdAt: 10n ** 18n, podSandboxStatus: status },
  ]
  await using fake = await FakeRuntime.serve({ runtime: { getContainerEvents } as never })
  const { stdout, stderr, code } = await berth(fake.endpoint, ['events'])
  assert.equal(
    stdout,
    ['started pod shop/web (s1)', 'stopped container shop/web/app (c1): 3, Error']
      .concat('deleted container shop/web/app (c1)', 'deleted container shop/web (c0)')
      .map((line) => `2001-09-09T01:46:40Z ${line}\n`)
      .join(''),
  )
  assert.match(`${code} ${stderr}`, /^1 berth: the runtime has ended the stream of events: .*enable_pod_events = true/)
  const lines = (await berth(fake.endpoint, ['events', '-o', 'json'])).stdout.trim().split('\n')
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { containerId: string }).containerId),
    ['s1', 'c1', 'c1', 'c0'],
  )
})

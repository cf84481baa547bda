import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ContainerConfigSchema } from '../../gen/cri_pb.ts'
import type { CgroupDetails, CgroupUsage } from '../../linux/cgroup/usage.ts'
import type { ContainerRecord } from '../../state/container-record.ts'
import type { ContainerSource } from './container-source.ts'
import { containerFamilies, metricDescriptors } from './descriptors.ts'
import { networkFamilies } from './network-families.ts'
import { evaluate } from './pod-metrics.ts'

const owner = { container: 'c', id: '/pod/c', image: 'i', name: 'n', namespace: 'ns', pod: 'p' }

const record: ContainerRecord = {
  id: 'n',
  sandboxId: 's',
  config: create(ContainerConfigSchema, { linux: { resources: { cpuQuota: -1n, memoryLimitInBytes: 64n } } }),
  fingerprint: '',
  imageId: 'i',
  createdAt: 1n,
  logPath: '',
  cgroup: '/pod/c',
  stopSignal: 'SIGTERM',
  user: { uid: 0, gid: 0, groups: [] },
  state: { phase: 'running', pid: 1, startedAt: 7_000_000_000n },
}

function source(usage: CgroupUsage, details: Partial<CgroupDetails>): ContainerSource {
  return {
    sample: { record, at: 9_500_000_000n, usage, layer: { at: 0, bytes: 10, inodes: 2 }, mountpoint: '/x' },
    usage,
    details: { devices: [], hugepages: [], ...details },
    oomKills: 0,
    pids: [1, 2],
    openFiles: { descriptors: 3, sockets: 1 },
    openFilesLimit: undefined,
    disk: { device: '/dev/vda', bytes: 100, inodes: 50, freeInodes: 40 },
  }
}

const line = { avg10: 0, avg60: 0, avg300: 0, totalUs: 2_500_000 }
const full = source(
  {
    cpu: { usageNs: 3_999_999_999n },
    memory: { usage: 5, workingSet: 4, rss: 3, pageFaults: 2, majorPageFaults: 1 },
    swap: { usage: 6 },
    pids: { current: 9 },
    pressure: { cpu: { some: line, full: line }, memory: { some: line }, io: { some: line } },
  },
  {
    cpu: { userNs: 1e9, systemNs: 2e9, periods: 1, throttledPeriods: 1, throttledNs: 5e9 },
    memory: { peak: 8, cache: 1, mappedFile: 1, activeFile: 1, inactiveFile: 1, kernel: 1, limitHits: 1 },
    pidsLimit: 100,
    devices: [{ major: 4095, minor: 1, readBytes: 1, writtenBytes: 2, reads: 3, writes: 4 }],
    hugepages: [{ pageSize: '2MB', usage: 1, peak: 2 }],
  },
)

test('every metric has the labels that its descriptor says, and a descriptor', () => {
  const keys = new Map(metricDescriptors.map(({ name, labelKeys }) => [name, labelKeys.length]))
  assert.equal(keys.size, metricDescriptors.length)
  const traffic = { bytes: 1, packets: 1, errors: 1, dropped: 1 }
  const metrics = [
    ...evaluate(containerFamilies, full, owner, 1n),
    ...evaluate(networkFamilies, [{ name: 'eth0', received: traffic, sent: traffic }], owner, 1n),
  ]
  for (const { name, labelValues } of metrics) assert.equal(labelValues.length, keys.get(name), name)
  const found = new Set(metrics.map(({ name }) => name))
  // Without a quota or a limit there is nothing to tell; of memory and io only "some" is given above.
  const missing = metricDescriptors.map(({ name }) => name).filter((name) => !found.has(name))
  assert.deepEqual(missing, [
    'container_ulimits_soft',
    'container_spec_cpu_quota',
    'container_pressure_memory_stalled_seconds_total',
    'container_pressure_io_stalled_seconds_total',
  ])
})

test('values as cAdvisor has them', () => {
  const metrics = evaluate(containerFamilies, full, owner, 1n)
  const value = (name: string) => metrics.find((metric) => metric.name === name)?.value
  assert.equal(value('container_cpu_usage_seconds_total'), 3n)
  assert.equal(value('container_threads'), 9n)
  assert.equal(value('container_processes'), 2n)
  assert.equal(value('container_threads_max'), 100n)
  assert.equal(value('container_start_time_seconds'), 7n)
  assert.equal(value('container_last_seen'), 9n)
  assert.equal(value('container_spec_memory_limit_bytes'), 64n)
  assert.equal(value('container_pressure_cpu_waiting_seconds_total'), 2n)
  const io = metrics.find(({ name }) => name === 'container_blkio_device_usage_total')
  assert.deepEqual(io?.labelValues.slice(-4), ['4095:1', '4095', '1', 'Read'])
})

test('what the machine does not count is not there', () => {
  const names = evaluate(containerFamilies, source({}, {}), owner, 1n).map(({ name }) => name)
  assert.ok(!names.includes('container_memory_rss'))
  assert.ok(!names.includes('container_cpu_usage_seconds_total'))
  assert.ok(names.includes('container_threads'))
})

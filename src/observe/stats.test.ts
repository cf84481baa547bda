import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ContainerConfigSchema, NamespaceMode, PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import { createClock } from '../lib/clock.ts'
import { silentLogger } from '../lib/log.ts'
import { FakeCgroups } from '../linux/cgroup/fake-cgroups.ts'
import { Layout } from '../pod/layout.ts'
import { type ContainerRecord, containerRecords } from '../state/container-record.ts'
import type { ContainerState } from '../state/container-state.ts'
import { openDatabase } from '../state/database.ts'
import { type SandboxRecord, sandboxRecords } from '../state/sandbox-record.ts'
import { Store } from '../state/store.ts'
import { Stats } from './stats.ts'

const running: ContainerState = { phase: 'running', pid: 1, startedAt: 1n }
const traffic = { bytes: 5, packets: 1, errors: 0, dropped: 0 }

function setting() {
  const database = openDatabase(':memory:')
  const sandboxes = new Store(database, sandboxRecords)
  const containers = new Store(database, containerRecords)
  const cgroups = new FakeCgroups()
  const stats = new Stats({
    sandboxes,
    containers,
    cgroups,
    layout: new Layout('/nowhere/lib', '/nowhere/run'),
    clock: createClock(),
    log: silentLogger,
    network: () => [{ name: 'eth0', received: traffic, sent: traffic }],
  })
  const container = (id: string, sandboxId: string, cgroup: string, state = running): ContainerRecord => {
    const base = { fingerprint: '', imageId: 'i', createdAt: 1n, logPath: '', stopSignal: 'SIGTERM' }
    const user = { uid: 0, gid: 0, groups: [] }
    return containers.put({ ...base, id, sandboxId, cgroup, config: create(ContainerConfigSchema), user, state })
  }
  const use = (cgroup: string, usageNs: bigint, usage: number, limit?: number) => {
    const memory = { usage, workingSet: usage, rss: 0, pageFaults: 1, majorPageFaults: 0 }
    cgroups.usages.set(cgroup, { cpu: { usageNs }, memory: { ...memory, ...(limit && { limit }) } })
    cgroups.processes.set(cgroup, [1, 2])
  }
  return { sandboxes, stats, container, use }
}

function sandbox(id: string, network: NamespaceMode = NamespaceMode.POD): SandboxRecord {
  const config = create(PodSandboxConfigSchema, {
    linux: { securityContext: { namespaceOptions: { network } } },
  })
  const base = { fingerprint: '', runtimeHandler: '', createdAt: 1n, shim: '0', ips: [] }
  return { ...base, id, config, state: { phase: 'ready' } }
}

test('a pod with a cgroup of its own uses what that says', () => {
  const { stats, container, use } = setting()
  container('a', 's', '/pod1/a')
  container('b', 's', '/pod1/b')
  use('/pod1', 100n, 1000)
  use('/pod1/a', 10n, 1)
  use('/pod1/b', 10n, 2)
  const sample = stats.sandbox(sandbox('s'))
  assert.equal(sample.usage?.memory?.usage, 1000)
  assert.equal(sample.containers.length, 2)
  assert.equal(sample.processes, 4)
  assert.equal(sample.network?.[0]?.received.bytes, 5)
})

test('a pod in a cgroup that others share uses what its containers use', () => {
  const { stats, container, use } = setting()
  container('a', 's', '/shared/a')
  container('b', 's', '/shared/b')
  container('c', 'other', '/shared/c')
  use('/shared', 100n, 1000)
  use('/shared/a', 10n, 1, 50)
  use('/shared/b', 20n, 2)
  const { usage } = stats.sandbox(sandbox('s'))
  assert.equal(usage?.cpu?.usageNs, 30n)
  assert.equal(usage?.memory?.usage, 3)
  assert.equal(usage?.memory?.limit, undefined)
})

test('what does not run uses nothing, and its pod is there nevertheless', () => {
  const { stats, container, use } = setting()
  const created = container('a', 's', '/pod1/a', { phase: 'created' })
  use('/pod1/a', 10n, 1)
  assert.equal(stats.container(created).usage, undefined)
  assert.equal(stats.container(created).layer.bytes, 0)
  const sample = stats.sandbox(sandbox('s'))
  assert.deepEqual([sample.usage, sample.containers, sample.processes], [undefined, [], 0])
})

test("on the host's network a pod has no counters of its own", () => {
  const { stats } = setting()
  assert.equal(stats.sandbox(sandbox('s', NamespaceMode.NODE)).network, undefined)
})

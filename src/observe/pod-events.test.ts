import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ContainerConfigSchema, PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import { createClock } from '../lib/clock.ts'
import { type ContainerRecord, containerRecords } from '../state/container-record.ts'
import type { ContainerState } from '../state/container-state.ts'
import { openDatabase } from '../state/database.ts'
import { type SandboxRecord, sandboxRecords } from '../state/sandbox-record.ts'
import type { SandboxState } from '../state/sandbox-state.ts'
import { Store } from '../state/store.ts'
import type { PodEvent } from './pod-event.ts'
import { PodEvents } from './pod-events.ts'

function setting() {
  const database = openDatabase(':memory:')
  const sandboxes = new Store(database, sandboxRecords)
  const containers = new Store(database, containerRecords)
  const events = new PodEvents({ sandboxes, containers, clock: createClock(0n, () => 1000) })
  return { sandboxes, containers, events }
}

function sandbox(phase: SandboxState['phase']): SandboxRecord {
  const base = { fingerprint: '', runtimeHandler: '', createdAt: 1n, shim: '0', ips: [] }
  return { ...base, id: 's', config: create(PodSandboxConfigSchema), state: { phase, reason: '' } }
}

function container(state: ContainerState): ContainerRecord {
  const base = { fingerprint: '', imageId: 'i', createdAt: 2n, logPath: '', cgroup: '/c', stopSignal: 'SIGTERM' }
  const user = { uid: 0, gid: 0, groups: [] }
  return { ...base, id: 'c', sandboxId: 's', config: create(ContainerConfigSchema), user, state }
}

const running: ContainerState = { phase: 'running', pid: 1, startedAt: 5n }
const exited: ContainerState = {
  phase: 'exited',
  startedAt: 5n,
  finishedAt: 6n,
  exitCode: 0,
  reason: 'Completed',
  message: '',
}

async function take(iterable: AsyncIterable<PodEvent>, count: number): Promise<PodEvent[]> {
  const taken: PodEvent[] = []
  for await (const event of iterable) if (taken.push(event) === count) break
  return taken
}

test('the life of a pod, with the pod as it was at each event', async () => {
  const { sandboxes, containers, events } = setting()
  const stream = events.subscribe(new AbortController().signal)
  const other = events.subscribe(new AbortController().signal)
  sandboxes.put(sandbox('creating'))
  sandboxes.put(sandbox('ready'))
  containers.put(container({ phase: 'creating' }))
  containers.put(container({ phase: 'created' }))
  containers.put(container({ phase: 'starting' }))
  containers.put(container(running))
  containers.put(container(running))
  containers.put(container(exited))
  sandboxes.put(sandbox('stopping'))
  sandboxes.put(sandbox('stopped'))
  containers.delete('c')
  sandboxes.delete('s')
  const got = await take(stream, 8)
  assert.deepEqual(
    got.map((event) => `${event.id} ${event.type} ${event.sandbox.state.phase} ${event.containers[0]?.state.phase}`),
    [
      's created ready undefined',
      's started ready undefined',
      'c created ready created',
      'c started ready running',
      'c stopped ready exited',
      's stopped stopping exited',
      'c deleted stopped undefined',
      's deleted stopped undefined',
    ],
  )
  for (const [index, event] of got.entries()) if (index > 0) assert.ok(event.at > (got[index - 1]?.at ?? 0n))
  assert.deepEqual(await take(other, 8), got)
})

test('an end that is known before the start tells of both; what never came to be tells nothing', async () => {
  const { sandboxes, containers, events } = setting()
  sandboxes.put(sandbox('ready'))
  const stream = events.subscribe(new AbortController().signal)
  containers.put(container({ phase: 'creating' }))
  containers.delete('c')
  containers.put(container({ phase: 'starting' }))
  containers.put(container(exited))
  assert.deepEqual(
    (await take(stream, 2)).map(({ type }) => type),
    ['started', 'stopped'],
  )
})

test('a subscriber that does not listen is dropped, the others are not', async () => {
  const { sandboxes, events } = setting()
  const slow = events.subscribe(new AbortController().signal)
  const gone = new AbortController()
  const brief = events.subscribe(gone.signal)
  gone.abort()
  for (let n = 0; n < 501; n++) {
    sandboxes.put(sandbox('creating'))
    sandboxes.put(sandbox('ready'))
  }
  await assert.rejects(take(slow, 1002), /1000 events behind/)
  assert.deepEqual(await take(brief, 1), [])
})

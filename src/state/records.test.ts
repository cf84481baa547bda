import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, equals } from '@bufbuild/protobuf'
import { ContainerConfigSchema, PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import { type ContainerRecord, containerRecords } from './container-record.ts'
import type { ContainerState } from './container-state.ts'
import { openDatabase } from './database.ts'
import { sandboxRecords } from './sandbox-record.ts'
import { Store } from './store.ts'

const sandboxConfig = create(PodSandboxConfigSchema, {
  metadata: { name: 'web', namespace: 'default', uid: 'u', attempt: 3 },
  labels: { 'a/b': 'ü\n"', empty: '' },
  annotations: { json: '{"x":[1]}' },
  linux: { sysctls: { 'net.core.somaxconn': '1024' } },
})

test('a sandbox comes back as it was', () => {
  const database = openDatabase(':memory:')
  const record = {
    id: 'a'.repeat(64),
    config: sandboxConfig,
    fingerprint: 'f',
    runtimeHandler: '',
    createdAt: 1_700_000_000_000_000_001n,
    shim: '0',
    ips: ['10.0.0.2', 'fd00::2'],
    state: { phase: 'ready' },
  } as const
  new Store(database, sandboxRecords).put(record)
  const { config, ...rest } = new Store(database, sandboxRecords).get(record.id) ?? assert.fail('no record')
  const { config: _, ...expected } = record
  assert.deepEqual(rest, expected)
  assert.ok(equals(PodSandboxConfigSchema, config, sandboxConfig))
})

test('a container comes back as it was, in every state', () => {
  const config = create(ContainerConfigSchema, { metadata: { name: 'c' }, args: ['-c', 'exit 3'] })
  const states: ContainerState[] = [
    { phase: 'creating' },
    { phase: 'created' },
    { phase: 'starting' },
    { phase: 'running', pid: 7, startedAt: 1_700_000_000_000_000_001n },
    { phase: 'exited', startedAt: 1n, finishedAt: 2n, exitCode: 3, reason: 'Error', message: '' },
    { phase: 'unknown', pid: 7, startedAt: 1n, message: 'why' },
  ]
  for (const state of states) {
    const database = openDatabase(':memory:')
    const record: ContainerRecord = {
      id: 'b'.repeat(64),
      sandboxId: 'a'.repeat(64),
      config,
      fingerprint: 'f',
      imageId: 'sha256:1',
      createdAt: 5n,
      logPath: '/var/log/pods/x/0.log',
      cgroup: '/berth/b',
      stopSignal: 'SIGTERM',
      user: { uid: 1000, gid: 0, groups: [0, 5] },
      state,
    }
    new Store(database, containerRecords).put(record)
    assert.deepEqual(new Store(database, containerRecords).get(record.id)?.state, state)
  }
})

test('a change that changes nothing is not written', () => {
  const store = new Store(openDatabase(':memory:'), {
    table: 'things',
    version: 1,
    encode: () => assert.fail('it was written'),
    decode: () => ({ id: 'x' }),
  })
  assert.equal(
    store.update('absent', (record) => record),
    undefined,
  )
})

test('a fact shows even if it cannot be written, and is written later', async () => {
  let full = false
  const written: string[] = []
  const store = new Store(openDatabase(':memory:'), {
    table: 'things',
    version: 1,
    encode: (thing: { id: string; text: string }) => {
      if (full) throw new Error('disk full')
      written.push(thing.text)
      return thing
    },
    decode: (body) => body as { id: string; text: string },
  })
  store.put({ id: 'x', text: 'one' })
  full = true
  assert.equal(store.note('x', (thing) => ({ ...thing, text: 'two' }))?.text, 'two')
  assert.equal(store.get('x')?.text, 'two')
  assert.throws(() => store.update('x', (thing) => ({ ...thing, text: 'three' })), /disk full/)
  assert.equal(store.get('x')?.text, 'two')
  full = false
  store.note('x', (thing) => ({ ...thing, text: 'four' }))
  assert.deepEqual(written, ['one', 'four'])
})

test('a record of a newer version is not read, and kept', () => {
  const database = openDatabase(':memory:')
  const kind = { table: 'things', version: 2, encode: () => ({}), decode: () => ({ id: 'x' }) }
  new Store(database, kind).put({ id: 'x' })
  const older = new Store(database, { ...kind, version: 1 })
  assert.equal(older.get('x'), undefined)
  assert.deepEqual(
    older.unreadable.map(({ id, version }) => [id, version]),
    [['x', 2]],
  )
})

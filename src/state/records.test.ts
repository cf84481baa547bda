import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, equals } from '@bufbuild/protobuf'
import { ContainerConfigSchema, PodSandboxConfigSchema } from '../gen/cri_pb.ts'
import { type ContainerRecord, containerRecords } from './container-record.ts'
import type { ContainerState } from './container-state.ts'
import { openDatabase } from './database.ts'
import { type SandboxRecord, sandboxRecords } from './sandbox-record.ts'
import { Store } from './store.ts'

const sandboxConfig = create(PodSandboxConfigSchema, {
  metadata: { name: 'web', namespace: 'default', uid: 'u', attempt: 3 },
  labels: { 'a/b': 'ü\n"', empty: '' },
  annotations: { json: '{"x":[1]}' },
  linux: { sysctls: { 'net.core.somaxconn': '1024' } },
})

test('a sandbox comes back as it was', () => {
  const database = openDatabase(':memory:')
  const record = { ...sandboxOf('a'.repeat(64)), createdAt: 1_700_000_000_000_000_001n, ips: ['10.0.0.2', 'fd00::2'] }
  new Store(database, sandboxRecords).put(record)
  const { config, ...rest } = new Store(database, sandboxRecords).get(record.id) ?? assert.fail('no record')
  const { config: _, ...expected } = record
  assert.deepEqual(rest, expected)
  assert.ok(equals(PodSandboxConfigSchema, config, sandboxConfig))
})

test('a container comes back as it was, in every state', () => {
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
    const record = containerOf('b'.repeat(64), 'a'.repeat(64), state)
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

test('a record of a newer version is served as far as it is known, and kept whole', () => {
  const database = openDatabase(':memory:')
  type Thing = { id: string; text: string }
  const kind = {
    table: 'things',
    version: 2,
    encode: (thing: object) => thing,
    decode: (body: unknown) => body as Thing,
  }
  new Store<Thing & { added: number }>(database, kind as never).put({ id: 'x', text: 'one', added: 3 })
  const older = new Store<Thing>(database, { ...kind, version: 1, encode: ({ id, text }: Thing) => ({ id, text }) })
  assert.equal(older.get('x')?.text, 'one')
  assert.deepEqual(
    older.problems.map(({ id, version, outcome }) => [id, version, outcome]),
    [['x', 2, 'newer']],
  )
  assert.deepEqual(database.rows('unreadable'), [])
  older.update('x', (thing) => ({ ...thing, text: 'two' }))
  const [kept] = database.rows('unreadable')
  assert.match(JSON.parse(kept?.body ?? '').body, /"added":3/)
  assert.deepEqual(database.rows('things'), [{ id: 'x', version: 1, body: '{"id":"x","text":"two"}' }])
})

/** The bodies of rows that no Berth has written, and what is to come of them. */
const damages: readonly (readonly [what: string, change: (body: string) => string, phase: string])[] = [
  ['cut off', (body) => body.slice(0, body.length / 2), 'unknown'],
  ['empty', () => '', 'unknown'],
  ['not an object', () => '7', 'unknown'],
  ['a state that is none', (body) => body.replace(/"state":.*/, '"state":{"phase":"levitating"}}'), 'unknown'],
  ['a state of the wrong type', (body) => body.replace(/"state":.*/, '"state":[]}'), 'unknown'],
  ['a time of the wrong type', (body) => body.replace(/"createdAt":"\d+"/, '"createdAt":{}'), 'kept'],
  ['a configuration of the wrong type', (body) => body.replace(/"labels":\{[^}]*\}/, '"labels":[3]'), 'kept'],
  ['another id', (body) => body.replaceAll(/[ab]{64}/g, 'c'.repeat(64)), 'kept'],
  ['an id that is a path', (body) => body.replaceAll(/[ab]{64}/g, '../../etc'), 'kept'],
]

for (const [what, change, phase] of damages) {
  test(`a record is damaged: ${what}`, () => {
    const database = openDatabase(':memory:')
    const state = { phase: 'stopped', reason: 'because' } as const
    const pod = { ...sandboxOf('a'.repeat(64)), state }
    const exit = { startedAt: 1n, finishedAt: 2n, exitCode: 0, reason: 'Completed', message: '' } as const
    const container = containerOf('b'.repeat(64), pod.id, { phase: 'exited', ...exit })
    new Store(database, sandboxRecords).put(pod)
    new Store(database, containerRecords).put(container)
    for (const table of ['sandboxes', 'containers']) {
      const [row] = database.rows(table)
      const body = change(row?.body ?? '')
      assert.notEqual(body, row?.body)
      database.write((connection) => connection.prepare(`UPDATE ${table} SET body = ?`).run(body))
    }
    const sandboxes = new Store(database, sandboxRecords)
    const containers = new Store(database, containerRecords)
    assert.equal(sandboxes.get(pod.id)?.state.phase, phase === 'kept' ? 'stopped' : phase)
    assert.equal(containers.get(container.id)?.state.phase, phase === 'kept' ? 'exited' : phase)
    assert.ok(sandboxes.get(pod.id)?.config.metadata?.name)
    assert.ok(containers.get(container.id)?.config.metadata?.name)
    for (const { problems } of [sandboxes, containers]) assert.equal(problems[0]?.outcome, 'salvaged')
    // Whatever becomes of them, what was there is kept.
    sandboxes.note(pod.id, (record) => ({ ...record, state: { phase: 'stopped', reason: '' } }))
    containers.delete(container.id)
    assert.equal(database.rows('unreadable').length, 2)
    assert.deepEqual(new Store(database, sandboxRecords).problems, [])
  })
}

test('a row under what is no id is not served, and stays', () => {
  const database = openDatabase(':memory:')
  new Store(database, sandboxRecords).put(sandboxOf('a'.repeat(64)))
  database.write((connection) => connection.exec("UPDATE sandboxes SET id = '../../etc'"))
  const store = new Store(database, sandboxRecords)
  assert.deepEqual([...store.all()], [])
  assert.equal(store.unreadable[0]?.id, '../../etc')
  assert.equal(database.rows('sandboxes').length, 1)
})

function sandboxOf(id: string): SandboxRecord {
  return {
    id,
    config: sandboxConfig,
    fingerprint: 'f',
    runtimeHandler: '',
    createdAt: 5n,
    shim: '0',
    ips: ['10.0.0.2'],
    state: { phase: 'ready' },
  }
}

function containerOf(id: string, sandboxId: string, state: ContainerState): ContainerRecord {
  return {
    id,
    sandboxId,
    config: create(ContainerConfigSchema, { metadata: { name: 'c' }, labels: { a: 'b' } }),
    fingerprint: 'f',
    imageId: 'sha256:1',
    createdAt: 5n,
    logPath: '/var/log/pods/x/0.log',
    cgroup: '/berth/b',
    stopSignal: 'SIGTERM',
    user: { uid: 1000, gid: 0, groups: [0, 5] },
    state,
  }
}

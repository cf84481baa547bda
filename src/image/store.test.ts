import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { silentLogger } from '../lib/log.ts'
import { openDatabase } from '../state/database.ts'
import type { ImageRecord } from './image-records.ts'
import { LayerFolders } from './layer-folders.ts'
import { findImage } from './lookup.ts'
import { assignNames } from './names.ts'
import { ImageStore } from './store.ts'

function record(digit: string, names: Partial<ImageRecord> = {}): ImageRecord {
  return {
    id: `sha256:${digit.repeat(64)}`,
    tags: [],
    digests: [],
    manifestDigest: `sha256:${'f'.repeat(64)}`,
    sizeBytes: 10,
    diffIds: [`sha256:${digit.repeat(64)}`],
    annotations: {},
    configJson: '{"rootfs":{"diff_ids":[]}}',
    pulledAt: 5n,
    removed: false,
    ...names,
  }
}

function storeIn(t: TestContext, inUse: () => Iterable<string> = () => []) {
  const root = mkdtempSync(join(tmpdir(), 'berth-store-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const database = openDatabase(':memory:')
  const open = () => {
    const folders = new LayerFolders(root, silentLogger)
    const store = new ImageStore({ database, folders, log: silentLogger, isPinned: () => false, inUse })
    return { folders, store }
  }
  const opened = open()
  const addLayer = (diffId: string) => {
    const number = opened.folders.reserve()
    mkdirSync(opened.folders.layer(number))
    opened.store.addLayer({ diffId, number, bytes: 100, inodes: 3, impliedFolders: [] })
    return opened.folders.layer(number)
  }
  return { ...opened, open, addLayer, database, root }
}

test('names: a tag moves, a digest stays, a removed image starts anew', () => {
  const old = record('a', { tags: ['r.io/a:1', 'r.io/a:2'], digests: ['r.io/a@x'] })
  const [lost, gained] = assignNames([old], record('b'), { tags: ['r.io/a:1'], digests: ['r.io/a@y'] })
  assert.deepEqual([lost?.tags, lost?.digests], [['r.io/a:2'], ['r.io/a@x']])
  assert.deepEqual([gained?.tags, gained?.digests], [['r.io/a:1'], ['r.io/a@y']])
  const [more] = assignNames([old], record('a'), { tags: ['r.io/a:0'], digests: ['r.io/a@x'] })
  assert.deepEqual(more?.tags, ['r.io/a:0', 'r.io/a:1', 'r.io/a:2'])
  assert.deepEqual(
    assignNames([old], record('a'), { tags: ['r.io/a:1'], digests: ['r.io/a@x'] }),
    [],
    'nothing new, nothing written',
  )
  const [again] = assignNames([{ ...old, removed: true }], record('a'), { tags: ['r.io/a:1'], digests: [] })
  assert.deepEqual([again?.tags, again?.removed], [['r.io/a:1'], false])
})

test('looking up', () => {
  const a = record('a', {
    tags: ['docker.io/library/busybox:latest'],
    digests: [`docker.io/library/busybox@sha256:${'c'.repeat(64)}`],
  })
  const b = { ...record('a'), id: `sha256:${'a'.repeat(20)}${'b'.repeat(44)}` }
  const find = (text: string) => findImage([a, b], text)?.id
  for (const text of ['busybox', 'docker.io/busybox:latest', `busybox@sha256:${'c'.repeat(64)}`, a.id, a.id.slice(7)]) {
    assert.equal(find(text), a.id, text)
  }
  assert.equal(find(`${'a'.repeat(20)}b`), b.id)
  assert.throws(() => find('aaaaaa'), /2 images/)
  for (const text of ['', 'busybox:2', 'aaa', 'zzzz', 'sha256:', `sha256:${'d'.repeat(64)}`, '../..', 'a'.repeat(70)])
    assert.equal(find(text), undefined, text)
})

test('layers live as long as an image, a container or a pull needs them', async (t) => {
  const used = new Set<string>()
  const { store, addLayer, folders } = storeIn(t, () => used)
  const a = record('a')
  const shared = record('b', { diffIds: [...a.diffIds, `sha256:${'b'.repeat(64)}`] })
  const [dirA, dirB] = shared.diffIds.map(addLayer)
  store.addImage(a, { tags: ['r.io/a:1'], digests: [] })
  store.addImage(shared, { tags: ['r.io/b:1'], digests: [] })
  assert.deepEqual(store.usage().inodes, 6)
  store.remove('r.io/b:1')
  assert.ok(existsSync(dirA as string) && !existsSync(dirB as string))
  used.add(a.id)
  store.remove(a.id)
  assert.equal(store.list().length, 0)
  assert.ok(existsSync(dirA as string))
  store.addImage(a, { tags: ['r.io/a:1'], digests: [] })
  assert.deepEqual(store.layerDirs(a), [dirA], 'pulled again, it is the same')
  store.remove(a.id)
  used.clear()
  {
    using _held = store.hold(a.diffIds)
    store.sweep()
    assert.ok(existsSync(dirA as string))
  }
  store.sweep()
  assert.ok(!existsSync(dirA as string))
  await folders.settled()
})

test('a record that cannot be read keeps every layer', async (t) => {
  const { store, addLayer, open, database, folders } = storeIn(t)
  const a = record('a')
  const dir = addLayer(a.diffIds[0] as string)
  store.addImage(a, { tags: ['r.io/a:1'], digests: [] })
  database.write((connection) => connection.exec("UPDATE images SET body = '{}'"))
  const again = open()
  assert.equal(again.store.list().length, 0)
  again.store.sweep()
  await again.folders.settled()
  assert.ok(existsSync(dir))
  assert.ok(again.folders.reserve() > 1, 'its number is not given again')
  await folders.settled()
})

import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Database, openDatabase } from './database.ts'
import { RecordTable } from './record-table.ts'

interface Thing {
  readonly text: string
}

const things = {
  table: 'things',
  version: 1,
  encode: (thing: Thing) => thing,
  decode: (body: unknown) => {
    if (typeof (body as Thing).text !== 'string') throw new Error('no text')
    return body as Thing
  },
}

function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-database-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'berth.db')
  const copies = join(folder, 'records')
  return {
    path,
    copies,
    open(options: { readonly copies: boolean } = { copies: true }) {
      const database = openDatabase(path, options.copies ? copies : undefined)
      const table = new RecordTable(database, things)
      const loaded = table.load()
      database.loaded()
      return { database, table, loaded }
    },
    setAside: () => readdirSync(folder).filter((name) => name.includes('.damaged-') && !name.endsWith('-wal')),
  }
}

const big = 'x'.repeat(3000)

function fill(table: RecordTable<Thing>): void {
  for (let number = 0; number < 100; number++) table.put(`id-${number}`, { text: `${number} ${big}` })
}

/** Overwrites a page in the middle of a closed database. */
function spoilPage(path: string, page: number): void {
  const bytes = readFileSync(path)
  bytes.fill(0xaa, page * 4096, (page + 1) * 4096)
  writeFileSync(path, bytes)
}

const damages: readonly (readonly [what: string, damage: (path: string) => void])[] = [
  ['is no database', (path) => writeFileSync(path, 'this is no database'.repeat(1000))],
  ['is cut off', (path) => truncateSync(path, 50_000)],
  ['is empty', (path) => truncateSync(path, 0)],
  ['has a page of garbage', (path) => spoilPage(path, 20)],
  ['has garbage for its first page', (path) => spoilPage(path, 0)],
]

for (const [what, damage] of damages) {
  test(`a database that ${what} is set aside, and nothing is lost while there are copies`, (t) => {
    const { path, open, setAside } = place(t)
    const { database, table } = open()
    fill(table)
    database.close()
    damage(path)
    const damaged = readFileSync(path)
    const again = open()
    assert.equal(again.loaded.records.size, 100)
    assert.equal(again.loaded.records.get('id-57')?.text, `57 ${big}`)
    assert.equal(setAside().length, 1)
    assert.equal(again.database.setAside.length, 1)
    assert.deepEqual(readFileSync(again.database.setAside[0]?.path ?? ''), damaged)
    again.database.close()
    // All is as it was: there is nothing to be said any more.
    const third = open()
    assert.deepEqual([third.loaded.records.size, third.loaded.problems, third.database.isBehind], [100, [], false])
    third.database.close()
  })
}

test('without copies, what can be read of a damaged database is served', (t) => {
  const { path, open, setAside } = place(t)
  const { database, table } = open({ copies: false })
  fill(table)
  database.close()
  spoilPage(path, 20)
  const again = open({ copies: false })
  assert.equal(setAside().length, 1)
  const { records, unreadable } = again.loaded
  assert.ok(records.size + unreadable.length >= 90, `${records.size} records and ${unreadable.length} damaged ones`)
  again.table.put('new', { text: 'one' })
  again.database.close()
})

test('a database that lost its last writes gets them back from the copies', (t) => {
  const { path, open } = place(t)
  const first = open()
  first.table.put('changed', { text: 'before' })
  first.table.put('deleted', { text: 'x' })
  first.database.close()
  copyFileSync(path, `${path}.old`)
  const second = open()
  second.table.put('changed', { text: 'after' })
  second.table.put('added', { text: 'y' })
  second.table.delete('deleted')
  second.table.put('last', { text: 'z' })
  second.database.close()
  copyFileSync(`${path}.old`, path)
  const { loaded, database } = open()
  assert.equal(loaded.records.get('changed')?.text, 'after')
  assert.equal(loaded.records.get('added')?.text, 'y')
  const restored = loaded.problems.filter(({ outcome }) => outcome === 'restored').map(({ id }) => id)
  assert.deepEqual(restored.sort(), ['added', 'changed', 'last'])
  database.close()
  const later = open()
  assert.deepEqual([later.loaded.problems, later.database.isBehind], [[], false])
  later.database.close()
})

test('copies do not bring back what a version without copies has changed and deleted', (t) => {
  const { open } = place(t)
  const first = open()
  first.table.put('changed', { text: 'before' })
  first.table.put('deleted', { text: 'x' })
  first.database.close()
  const older = open({ copies: false })
  older.table.put('changed', { text: 'after' })
  older.table.delete('deleted')
  older.database.close()
  const { loaded, database } = open()
  assert.deepEqual([...loaded.records], [['changed', { text: 'after' }]])
  assert.deepEqual(loaded.problems, [])
  database.close()
})

test('a row that cannot be read comes from its copy, and is kept', (t) => {
  const { open } = place(t)
  const first = open()
  first.table.put('a', { text: 'whole' })
  first.database.close()
  const second = open()
  second.database.write((connection) => connection.exec(`UPDATE things SET body = '{"text":'`))
  second.database.close()
  const { loaded, database } = open()
  assert.equal(loaded.records.get('a')?.text, 'whole')
  assert.deepEqual(
    loaded.problems.map(({ id, outcome }) => [id, outcome]),
    [['a', 'restored']],
  )
  assert.equal(database.rows('things')[0]?.body, '{"text":"whole"}')
  assert.match(database.rows('unreadable')[0]?.body ?? '', /"body":"\{\\"text\\":"/)
  database.close()
})

test('a database that is damaged while it is open is replaced, with all that was written', (t) => {
  const { open, setAside } = place(t)
  const { database, table } = open()
  fill(table)
  const damage = Object.assign(new Error('database disk image is malformed'), { errcode: 11 })
  let times = 0
  database.write(() => {
    if (times++ === 0) throw damage
  })
  assert.equal(times, 2)
  assert.equal(setAside().length, 1)
  table.put('after', { text: 'it' })
  assert.equal(database.rows('things').length, 101)
  database.close()
  const again = open()
  assert.deepEqual([again.loaded.records.size, again.loaded.problems], [101, []])
  again.database.close()
})

test('a write that the disk does not take fails clearly; a fact is written later', (t) => {
  const { open } = place(t)
  const { database, table } = open()
  const full = Object.assign(new Error('database or disk is full'), { errcode: 13 })
  const write = database.write.bind(database)
  const fail: Database['write'] = () => write(() => thrown(full))
  database.write = fail
  assert.throws(() => table.put('a', { text: 'intent' }), { code: 'resource-exhausted', message: /make room/ })
  assert.match(database.trouble ?? '', /full/)
  table.note('b', { text: 'fact' })
  table.delete('c')
  assert.equal(database.pending.size, 2)
  database.write = write
  database.pending.flush()
  assert.deepEqual([database.pending.size, database.trouble], [0, undefined])
  assert.deepEqual(
    database.rows('things').map(({ id }) => id),
    ['b'],
  )
  database.close()
})

function thrown(error: Error): never {
  throw error
}

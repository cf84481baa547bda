import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from './database.ts'
import { RecordTable } from './record-table.ts'

const plain = {
  table: 'things',
  version: 1,
  encode: (thing: { name: string }) => thing,
  decode: (body: unknown) => body as { name: string },
}

test('records come back as they were put', () => {
  const table = new RecordTable(openDatabase(':memory:'), plain)
  table.put('a', { name: 'one' })
  table.put('a', { name: 'two' })
  table.put('b', { name: 'three' })
  table.delete('b')
  table.delete('never there')
  assert.deepEqual([...table.load().records], [['a', { name: 'two' }]])
})

test('a record that cannot be read is reported and stays', () => {
  const database = openDatabase(':memory:')
  new RecordTable(database, plain).put('a', { name: 'one' })
  const picky = new RecordTable(database, {
    ...plain,
    decode: () => {
      throw new Error('from the future')
    },
  })
  assert.equal(picky.load().records.size, 0)
  assert.deepEqual(
    picky.load().unreadable.map(({ id, version }) => ({ id, version })),
    [{ id: 'a', version: 1 }],
  )
  assert.equal(new RecordTable(database, plain).load().records.get('a')?.name, 'one')
})

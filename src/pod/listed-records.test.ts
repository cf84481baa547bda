import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDatabase } from '../state/database.ts'
import { Store } from '../state/store.ts'
import { ListedRecords } from './listed-records.ts'

interface Thing {
  readonly id: string
  readonly createdAt: bigint
  readonly state: { readonly phase: string }
}

const thing = (id: string, createdAt: bigint, phase = 'ready'): Thing => ({ id, createdAt, state: { phase } })

test('what is there, newest first, and as it is now', () => {
  const store = new Store<Thing>(openDatabase(':memory:'), {
    table: 'things',
    version: 1,
    encode: () => ({}),
    decode: () => thing('', 0n),
  })
  const records = new ListedRecords(store)
  const ids = () => records.all().map(({ id, state }) => `${id} ${state.phase}`)
  assert.deepEqual(ids(), [])
  store.put(thing('old', 1n))
  store.add(thing('new', 3n))
  store.put(thing('made', 2n, 'creating'))
  assert.deepEqual(ids(), ['new ready', 'old ready'])
  assert.equal(records.all(), records.all())
  store.update('made', (made) => ({ ...made, state: { phase: 'ready' } }))
  assert.deepEqual(ids(), ['new ready', 'made ready', 'old ready'])
  store.note('old', (old) => ({ ...old, state: { phase: 'gone' } }))
  assert.deepEqual(ids(), ['new ready', 'made ready', 'old gone'])
  store.delete('new')
  assert.deepEqual(ids(), ['made ready', 'old gone'])
  const before = records.all()
  store.update('made', (made) => made)
  assert.equal(records.all(), before)
})

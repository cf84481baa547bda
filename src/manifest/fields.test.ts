import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fields } from './fields.ts'

test('what is not read is named with its path', () => {
  const fields = new Fields({ a: 'x', b: 1, c: { d: true, e: [] }, list: [{ f: 1, g: 2 }], empty: {}, none: null }, '')
  assert.equal(fields.string('a'), 'x')
  assert.equal((fields.object('c') as Fields | undefined)?.string('nothing'), undefined)
  for (const item of fields.objects('list')) item.integer('f')
  assert.deepEqual(fields.unread(), ['b', 'c.d', 'list[0].g'])
})

test('a value that was read but is not supported is named too', () => {
  const fields = new Fields({ policy: 'Odd' }, 'spec')
  fields.string('policy')
  fields.ignore('policy')
  assert.deepEqual(fields.unread(), ['spec.policy'])
})

test('wrong types are refused with the path', () => {
  const fields = new Fields({ name: 5, on: 'yes', count: 1.5, args: ['a', 1], labels: { a: 1 }, list: {} }, 'spec')
  const refused = (read: () => unknown, message: string) => assert.throws(read, { code: 'invalid-argument', message })
  refused(() => fields.string('name'), 'spec.name must be a string')
  refused(() => fields.boolean('on'), 'spec.on must be true or false')
  refused(() => fields.integer('count'), 'spec.count must be a whole number')
  refused(() => fields.strings('args'), 'spec.args must be a list of strings')
  refused(() => fields.stringMap('labels'), 'spec.labels must be an object of strings')
  refused(() => fields.objects('list'), 'spec.list must be a list')
  refused(() => fields.object('name'), 'spec.name must be an object')
  refused(() => fields.requiredString('absent'), 'spec.absent is missing')
})

test('a field that was misspelt is told with the one that was meant', () => {
  const fields = new Fields({ imagepulPolicy: 'Never', comand: ['x'], image: 'x', imgae: 'y', other: 1 }, 'spec')
  for (const key of ['imagePullPolicy', 'command', 'image']) fields.string(key)
  assert.deepEqual(fields.unread(), [
    'spec.imagepulPolicy (did you mean imagePullPolicy?)',
    'spec.comand (did you mean command?)',
    // What it is like is there.
    'spec.imgae',
    'spec.other',
  ])
})

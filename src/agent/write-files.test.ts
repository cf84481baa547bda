import assert from 'node:assert/strict'
import { mkdtempDisposableSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeFiles } from './write-files.ts'

const file = (text: string, mode = 0o644) => ({ content: Buffer.from(text), mode })

test('files change all at once, through one link; what is gone goes', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-files-'))
  const at = (path: string) => join(folder.path, path)
  const first = new Map([
    ['a', file('one')],
    ['deep/b', file('two', 0o400)],
  ])
  assert.equal(writeFiles(folder.path, first, undefined), true)
  assert.deepEqual([readFileSync(at('a'), 'utf8'), readFileSync(at('deep/b'), 'utf8')], ['one', 'two'])
  assert.equal(statSync(at('deep/b')).mode & 0o777, 0o400)
  assert.equal(readlinkSync(at('a')), '..data/a')
  const before = readlinkSync(at('..data'))
  assert.equal(writeFiles(folder.path, first, undefined), false)
  assert.equal(readlinkSync(at('..data')), before)

  assert.equal(writeFiles(folder.path, new Map([['a', file('new')]]), undefined), true)
  assert.equal(readFileSync(at('a'), 'utf8'), 'new')
  assert.deepEqual(readdirSync(folder.path).toSorted(), [readlinkSync(at('..data')), '..data', 'a'].toSorted())
  assert.equal(writeFiles(folder.path, new Map([['a', file('new', 0o600)]]), undefined), true, 'the mode counts too')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTable } from './table.ts'

test('columns are as wide as their widest cell', () => {
  const rows = [
    ['NAME', 'STATE', 'POD'],
    ['web', 'Running', 'a'],
    ['a-long-name', 'Exited', ''],
  ]
  assert.equal(formatTable(rows), 'NAME          STATE     POD\nweb           Running   a\na-long-name   Exited\n')
  assert.equal(formatTable([]), '')
})

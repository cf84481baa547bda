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

test('a table fits the terminal: the widest columns are cut', () => {
  const rows = [
    ['NAME', 'IMAGE'],
    ['web', 'registry.example/a/very/long/name:1'],
  ]
  assert.equal(formatTable(rows, { columns: 24 }), 'NAME   IMAGE\nweb    registry.example…\n')
  assert.equal(formatTable(rows, { columns: 3 }), 'NAME IMAGE\nweb  registr…\n')
  const ids = [
    ['POD ID', 'STATE', 'POD'],
    ['0123456789ab', 'NotReady', 'default/a-long-name'],
  ]
  assert.equal(formatTable(ids, { columns: 30 }), 'POD ID       STATE    POD\n0123456789ab NotReady default…\n')
})

test('colour does not count for the width', () => {
  const style = (cell: string, row: number) => (row === 0 ? cell : `<${cell}>`)
  assert.equal(
    formatTable(
      [
        ['A', 'B'],
        ['x', 'y'],
      ],
      { style },
    ),
    'A   B\n<x>   <y>\n',
  )
})

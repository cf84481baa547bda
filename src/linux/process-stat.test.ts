import assert from 'node:assert/strict'
import { test } from 'node:test'
import { descendantsOf, isEnding, type ProcessStat, parseProcessStat, readProcessStat } from './process-stat.ts'

const process_ = (pid: number, parent: number, session: number, zombie = false): ProcessStat => ({
  pid,
  parent,
  session,
  zombie,
  startTime: '',
})

test('a stat line, also of a process with a nasty name', () => {
  assert.deepEqual(parseProcessStat('42 (a) Z (b) S 7 42 40 0 -1'), process_(42, 7, 40))
  assert.deepEqual(parseProcessStat('42 (sleep) Z 7 42 40 0 -1'), process_(42, 7, 40, true))
})

test('this very process', () => {
  assert.equal(readProcessStat(process.pid)?.parent, process.ppid)
  assert.equal(readProcessStat(0x7fffffff), undefined)
  assert.deepEqual([isEnding(process.pid), isEnding(0x7fffffff)], [false, true])
})

test('descendants are found by parent and by session', () => {
  const table = [
    process_(10, 1, 10),
    process_(11, 10, 10),
    process_(12, 11, 12),
    // Its parent has ended; it is still in the session of 10.
    process_(13, 1, 10),
    // The same for one that 12 started.
    process_(14, 1, 12),
    process_(20, 1, 20),
    process_(21, 20, 20),
  ]
  assert.deepEqual([...descendantsOf([10], table)].sort(), [10, 11, 12, 13, 14])
  assert.deepEqual([...descendantsOf([99], table)], [])
})

test('a zombie is not told, but its children are', () => {
  assert.deepEqual([...descendantsOf([10], [process_(10, 1, 10, true), process_(11, 10, 10)])], [11])
})

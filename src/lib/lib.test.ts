import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClock } from './clock.ts'
import { errnoOf, messageOf } from './errors.ts'
import { newId } from './ids.ts'
import { KeyedQueue } from './keyed-queue.ts'
import { silentLogger } from './log.ts'
import { UndoStack } from './undo.ts'

test('an id is 64 lower-case hex digits', () => {
  assert.match(newId(), /^[0-9a-f]{64}$/)
})

test('the clock always goes forward, also when the time is set back', () => {
  const times = [1000, 1000, 900, 2000]
  const clock = createClock(0n, () => times.shift() ?? 0)
  assert.deepEqual(
    [clock(), clock(), clock(), clock()],
    [1_000_000_000n, 1_000_000_001n, 1_000_000_002n, 2_000_000_000n],
  )
  assert.equal(createClock(5_000_000_000n, () => 1)(), 5_000_000_001n)
})

test('a message tells its causes once', () => {
  const cause = new Error('disk full')
  assert.equal(messageOf(new Error('cannot write', { cause })), 'cannot write: disk full')
  assert.equal(messageOf(new Error('cannot write: disk full', { cause })), 'cannot write: disk full')
  assert.equal(messageOf('text'), 'text')
})

test('errnoOf knows the errors of system calls only', () => {
  assert.equal(errnoOf(Object.assign(new Error('x'), { code: 'ENOENT' })), 'ENOENT')
  assert.equal(errnoOf(Object.assign(new Error('x'), { code: 'not-found' })), undefined)
})

test('undo runs backwards, goes on after a failing step, and does nothing once committed', async () => {
  const steps: string[] = []
  {
    await using undo = new UndoStack(silentLogger)
    undo.add('a', () => steps.push('a'))
    undo.add('b', () => Promise.reject(new Error('b cannot be undone')))
    undo.add('c', async () => steps.push('c'))
  }
  assert.deepEqual(steps, ['c', 'a'])
  {
    await using undo = new UndoStack(silentLogger)
    undo.add('d', () => steps.push('d'))
    undo.commit()
  }
  assert.deepEqual(steps, ['c', 'a'])
})

test('tasks of one key run in order, those of others beside them', async () => {
  const queue = new KeyedQueue()
  const gate = Promise.withResolvers<void>()
  const order: string[] = []
  const first = queue.run('a', async () => {
    await gate.promise
    order.push('a1')
    throw new Error('a1 failed')
  })
  const second = queue.run('a', () => order.push('a2'))
  await queue.run('b', () => order.push('b'))
  gate.resolve()
  await assert.rejects(first, /a1 failed/)
  await second
  assert.deepEqual(order, ['b', 'a1', 'a2'])
})

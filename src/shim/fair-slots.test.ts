import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairSlots } from './fair-slots.ts'

test('no more than the limit run at a time, also after failures', async () => {
  const slots = new FairSlots(2)
  let running = 0
  let most = 0
  const task = async (fail: boolean) => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
    if (fail) throw new Error('failed')
  }
  const results = await Promise.allSettled(Array.from({ length: 9 }, (_, n) => slots.run('a', () => task(n % 3 === 0))))
  assert.equal(results.filter(({ status }) => status === 'rejected').length, 3)
  assert.equal(most, 2)
})

test('keys take turns', async () => {
  const slots = new FairSlots(1)
  const order: string[] = []
  const run = (key: string, name: string) =>
    slots.run(key, async () => {
      await new Promise(setImmediate)
      order.push(name)
    })
  await Promise.all([run('a', 'a1'), run('a', 'a2'), run('a', 'a3'), run('b', 'b1'), run('c', 'c1'), run('b', 'b2')])
  assert.deepEqual(order, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2'])
})

test('tasks of one key that hang leave slots for the others', async () => {
  const slots = new FairSlots(4, 2)
  const hanging = Promise.withResolvers<void>()
  let hang = 0
  const tasks = Array.from({ length: 3 }, () => slots.run('a', () => (hang++, hanging.promise)))
  await new Promise(setImmediate)
  assert.equal(hang, 2)
  for (let n = 0; n < 5; n++) await slots.run('b', async () => {})
  assert.equal(hang, 2)
  hanging.resolve()
  await Promise.all(tasks)
  assert.equal(hang, 3)
})

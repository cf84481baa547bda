import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { GroupSync } from './group-sync.ts'
import { SharedWork } from './shared-work.ts'
import { Slots } from './slots.ts'

test('work of one key is done once; the next after it is done anew', async () => {
  const shared = new SharedWork<number>()
  let started = 0
  const start = async () => {
    await tick()
    return ++started
  }
  assert.deepEqual(
    await Promise.all([shared.join('a', start), shared.join('a', start), shared.join('b', start)]),
    [1, 1, 2],
  )
  assert.equal(await shared.join('a', start), 3)
})

test('a client that goes only leaves; the last one ends the work, and nobody joins it then', async () => {
  const shared = new SharedWork<string>()
  const signals: AbortSignal[] = []
  const start = (signal: AbortSignal) => {
    signals.push(signal)
    return new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const one = new AbortController()
  const two = new AbortController()
  const works = [one, two].map(({ signal }) => shared.join('a', start, signal))
  for (const work of works) work.catch(() => {})
  one.abort()
  await assert.rejects(works[0] as Promise<string>, { code: 'cancelled' })
  assert.equal(signals[0]?.aborted, false)
  two.abort()
  await assert.rejects(works[1] as Promise<string>, { code: 'cancelled' })
  assert.equal(signals[0]?.aborted, true)
  const third = shared.join('a', start)
  third.catch(() => {})
  assert.equal(signals.length, 2)
  await assert.rejects(shared.join('a', start, AbortSignal.abort()), { code: 'cancelled' })
  await shared.close(new Error('closing'))
  await assert.rejects(third, /closing/)
})

test('a failure reaches everybody', async () => {
  const shared = new SharedWork<string>()
  const start = async () => {
    await tick()
    throw new Error('no')
  }
  const ends = await Promise.allSettled([shared.join('a', start), shared.join('a', start)])
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})

test('a sync that starts after the call is waited for, and shared', async () => {
  const ends: (() => void)[] = []
  const group = new GroupSync('/', () => new Promise((resolve) => ends.push(resolve)))
  const done: string[] = []
  const sync = (name: string) => group.sync().then(() => done.push(name))
  const all = [sync('first'), sync('second'), sync('third')]
  assert.equal(ends.length, 1)
  ends[0]?.()
  await tick()
  assert.deepEqual([done, ends.length], [['first'], 2])
  ends[1]?.()
  await Promise.all(all)
  const last = sync('last')
  assert.equal(ends.length, 3)
  ends[2]?.()
  await last
})

test('a sync that fails fails those that waited for it, not the next', async () => {
  const results = [Promise.reject(new Error('EIO')), Promise.resolve()]
  const group = new GroupSync('/', () => results.shift() as Promise<void>)
  const ends = await Promise.allSettled([group.sync(), group.sync()])
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  )
})

test('no more than so many at a time', async () => {
  const slots = new Slots(2)
  let now = 0
  let most = 0
  const work = async () => {
    most = Math.max(most, ++now)
    await tick()
    now--
  }
  await Promise.all(Array.from({ length: 9 }, () => slots.run(work)))
  await assert.rejects(slots.run(async () => Promise.reject(new Error('x'))))
  await slots.run(work)
  assert.deepEqual([most, now], [2, 0])
})

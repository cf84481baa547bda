import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf } from '../lib/errors.ts'
import { makeFifo, openFifoForContainer } from '../linux/fifo.ts'
import { PipeSource } from './output-source.ts'
import { PacedWatch } from './paced-watch.ts'

const options = { timeout: 20_000 }

/** A pipe that is watched; `next` decides what is written into it whenever something was taken. */
function watched(t: TestContext, next: (taken: number) => number) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-pace-'))
  makeFifo(join(folder, 'stdout'))
  const writer = openFifoForContainer(join(folder, 'stdout'))
  const source = new PipeSource(join(folder, 'stdout'))
  const buffer = Buffer.alloc(1024 * 1024)
  const print = (bytes: number) => assert.equal(writeSync(writer, buffer, 0, bytes), bytes)
  const take = () => {
    try {
      const taken = readSync(source.fd, buffer, 0, buffer.length, null)
      const more = next(taken)
      if (more > 0) print(more)
      return taken
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return -1
      throw error
    }
  }
  const watch = new PacedWatch(source, take)
  t.after(() => {
    watch[Symbol.dispose]()
    source[Symbol.dispose]()
    closeSync(writer)
    rmSync(folder, { recursive: true })
  })
  return { source, print }
}

test('a line is taken at once', options, async (t) => {
  const taken = Promise.withResolvers<number>()
  const { source, print } = watched(t, (bytes) => {
    taken.resolve(bytes)
    return 0
  })
  const usual = source.capacity
  print(5)
  assert.equal(await taken.promise, 5)
  assert.equal(source.capacity, usual)
})

test('the pipe of a writer that does not pause is enlarged, within bounds, until it does', options, async (t) => {
  const most = 512 * 1024
  let largest = 0
  let takes = 0
  let ended = Promise.withResolvers<void>()
  const { source, print } = watched(t, () => {
    takes++
    largest = Math.max(largest, source.capacity)
    // As much as there is room for, some times more than it takes to be enlarged.
    if (takes < 1000 || (largest < most && takes < 10_000)) return source.capacity
    ended.resolve()
    return 0
  })
  const usual = source.capacity
  print(usual)
  await ended.promise
  assert.equal(largest, most)
  while (source.capacity !== usual) await sleep(1)
  ended = Promise.withResolvers()
  print(1)
  await ended.promise
})

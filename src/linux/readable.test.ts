import assert from 'node:assert/strict'
import { closeSync, readSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createPipe } from './pipe.ts'
import { ReadableWatch } from './readable.ts'

test('a watch that is paused tells nothing, and what came meanwhile when it goes on', { timeout: 20_000 }, async () => {
  const pipe = createPipe()
  let calls = 0
  let called = Promise.withResolvers<void>()
  const watch = new ReadableWatch(pipe.read, () => {
    calls++
    readSync(pipe.read, Buffer.alloc(10), 0, 10, null)
    called.resolve()
  })
  writeSync(pipe.write, 'one')
  await called.promise
  watch.pause()
  called = Promise.withResolvers<void>()
  writeSync(pipe.write, 'two')
  for (let turn = 0; turn < 10; turn++) await nextTurn()
  assert.equal(calls, 1)
  watch.resume()
  await called.promise
  assert.equal(calls, 2)
  watch[Symbol.dispose]()
  // Of no effect.
  watch.pause()
  watch.resume()
  closeSync(pipe.read)
  closeSync(pipe.write)
})

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import { createPipe, pipeCapacity } from '../linux/pipe.ts'
import { OutputReader } from './output-reader.ts'

test('what was written before the end is read, and then the pipe is closed', () => {
  const pipe = createPipe()
  let text = ''
  const reader = new OutputReader(pipe.read, (chunk) => {
    text += Buffer.from(chunk).toString()
  })
  writeSync(pipe.write, 'last words')
  reader.finish()
  assert.equal(text, 'last words')
  assert.equal(reader.open, false)
  closeSync(pipe.write)
})

test('writers that go on for ever do not hold up the end', { timeout: 20_000 }, async () => {
  const pipe = createPipe()
  const capacity = pipeCapacity(pipe.read) ?? assert.fail('not a pipe')
  let bytes = 0
  let beforeEnd = Number.POSITIVE_INFINITY
  const flowing = Promise.withResolvers<void>()
  const reader = new OutputReader(pipe.read, (chunk) => {
    bytes += chunk.length
    if (bytes > 10 * capacity) flowing.resolve()
    // Fails instead of going on for ever.
    assert.ok(bytes - beforeEnd < 1000 * capacity)
  })
  const writers: ChildProcess[] = []
  for (let n = 0; n < 2; n++) writers.push(spawn('yes', { stdio: ['ignore', pipe.write, 'ignore'] }))
  closeSync(pipe.write)
  await flowing.promise
  beforeEnd = bytes
  reader.finish()
  assert.ok(bytes - beforeEnd <= capacity)
  await Promise.all(writers.map((writer) => once(writer, 'exit')))
})

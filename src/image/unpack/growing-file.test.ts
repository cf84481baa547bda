import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { AbandonedError, GrowingFileReader, GrowingFileWriter } from './growing-file.ts'

function writer(t: TestContext): GrowingFileWriter {
  const folder = mkdtempSync(join(tmpdir(), 'berth-growing-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return new GrowingFileWriter(join(folder, 'blob'))
}

/** With a reader that is woken up: by itself it would look too late for any test here. */
async function readAll(file: GrowingFileWriter): Promise<string> {
  const reader = new GrowingFileReader(file.file, { longestWaitMs: 60_000 })
  try {
    let text = ''
    for (let chunk = await reader.next(); chunk; chunk = await reader.next()) text += chunk
    return text
  } finally {
    reader.close()
  }
}

test('a reader sees every byte, whether it comes early or late', { timeout: 20_000 }, async (t) => {
  const file = writer(t)
  const early = readAll(file)
  for (const [at, piece] of ['one ', 'two ', 'three'].entries()) {
    appendFileSync(file.file.path, piece)
    file.advance([4, 8, 13][at] as number)
    await sleep(20)
  }
  file.complete()
  assert.equal(await early, 'one two three')
  assert.equal(await readAll(file), 'one two three')
  assert.equal(file.consumed, 13)
})

test('a reader gives up when told to, also when all is there', { timeout: 20_000 }, async (t) => {
  const file = writer(t)
  const waiting = readAll(file)
  await sleep(10)
  file.abandon()
  await assert.rejects(waiting, AbandonedError)
  file.complete()
  await assert.rejects(readAll(file), AbandonedError)
})

test('nothing at all is a file, too', { timeout: 20_000 }, async (t) => {
  const file = writer(t)
  file.complete()
  assert.equal(await readAll(file), '')
})

test('what is there by now is read without waiting; one reader of several is the one whose progress counts', async (t) => {
  const file = writer(t)
  const reader = new GrowingFileReader(file.file)
  const other = new GrowingFileReader(file.file, { counts: false })
  t.after(() => {
    reader.close()
    other.close()
  })
  assert.equal(reader.now(), undefined)
  appendFileSync(file.file.path, 'one two')
  file.advance(4)
  assert.equal(String(other.now()), 'one ')
  assert.equal(other.now(), undefined)
  assert.equal(file.consumed, 0)
  file.advance(7)
  assert.equal(String(reader.now()), 'one two')
  assert.equal(reader.now(), undefined)
  assert.equal(file.consumed, 7)
  file.abandon()
  assert.throws(() => reader.now(), AbandonedError)
})

import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { AbandonedError, GrowingFileWriter, readGrowingFile } from './growing-file.ts'

function writer(t: TestContext): GrowingFileWriter {
  const folder = mkdtempSync(join(tmpdir(), 'berth-growing-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return new GrowingFileWriter(join(folder, 'blob'))
}

async function readAll(file: GrowingFileWriter): Promise<string> {
  let text = ''
  for await (const chunk of readGrowingFile(file.file, 3)) text += chunk
  return text
}

test('a reader sees every byte, whether it comes early or late', { timeout: 20_000 }, async (t) => {
  const file = writer(t)
  const early = readAll(file)
  for (const [at, piece] of ['one ', 'two ', 'three'].entries()) {
    appendFileSync(file.file.path, piece)
    file.advance([4, 8, 13][at] as number)
    await sleep(20)
  }
  const started = performance.now()
  file.complete()
  assert.equal(await early, 'one two three')
  assert.ok(performance.now() - started < 500, 'woken up, not timed out')
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

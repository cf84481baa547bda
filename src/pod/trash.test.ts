import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { silentLogger } from '../lib/log.ts'
import { Reaper } from '../linux/reaper.ts'
import { Trash } from './trash.ts'

function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-trash-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const reaper = new Reaper({ adopt: false })
  t.after(() => reaper[Symbol.dispose]())
  const bin = join(folder, 'trash')
  mkdirSync(bin)
  const deleted = async () => {
    while (readdirSync(bin).length > 0) await delay(5)
  }
  return { folder, bin, deleted, trash: new Trash(bin, reaper, silentLogger) }
}

test('what is thrown away is gone at once, and deleted in the end', { timeout: 20_000 }, async (t) => {
  const { folder, deleted, trash } = place(t)
  for (let round = 0; round < 3; round++) {
    for (const name of ['a', 'b', 'c']) {
      const path = join(folder, name)
      mkdirSync(join(path, 'deep/er'), { recursive: true })
      writeFileSync(join(path, 'deep/er/file'), 'x')
      trash.throwAway(path)
      assert.ok(!existsSync(path))
    }
    await delay(round)
  }
  trash.throwAway(join(folder, 'never-there'))
  await deleted()
})

test('what an earlier process has left is deleted', { timeout: 20_000 }, async (t) => {
  const { bin, deleted, trash } = place(t)
  mkdirSync(join(bin, 'left/over'), { recursive: true })
  trash.sweep()
  await deleted()
})

test('deleting many files blocks nothing', { timeout: 60_000 }, async (t) => {
  const { folder, deleted, trash } = place(t)
  const path = join(folder, 'big')
  mkdirSync(path)
  for (let file = 0; file < 30_000; file++) writeFileSync(join(path, String(file)), '')
  const begin = performance.now()
  trash.throwAway(path)
  const taken = performance.now() - begin
  assert.ok(taken < 50, `${taken} ms`)
  await deleted()
})

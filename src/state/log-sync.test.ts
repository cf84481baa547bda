import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogSync } from './log-sync.ts'

test('those who ask while one is under way share the next', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-log-sync-'))
  try {
    writeFileSync(join(folder, 'x.db-wal'), 'log')
    using sync = new LogSync(join(folder, 'x.db'))
    const first = sync.synced()
    const second = sync.synced()
    assert.notEqual(first, second)
    assert.equal(sync.synced(), second)
    await Promise.all([first, second])
    const third = sync.synced()
    assert.notEqual(third, second)
    await third
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('what was not on disk when the database was closed is told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-log-sync-'))
  try {
    writeFileSync(join(folder, 'x.db-wal'), 'log')
    const sync = new LogSync(join(folder, 'x.db'))
    const first = sync.synced()
    const second = sync.synced()
    sync[Symbol.dispose]()
    await first
    await assert.rejects(second, /closed/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync, appendFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lastErrorIn, lastLoggedError, logLength } from './runtime-log.ts'

test('the last error of a log', () => {
  const lines = [
    '{"level":"error","msg":"first","time":"t"}',
    '{"level":"error","msg":"the cause","time":"t"}',
    '{"level":"warning","msg":"later","time":"t"}',
    '{"level":"error"}',
    'null',
    'plain text',
    '{"level":"err',
  ]
  assert.equal(lastErrorIn(lines.join('\n')), 'the cause')
  assert.equal(lastErrorIn(''), undefined)
})

test('only what was written since counts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-log-'))
  const path = join(folder, 'log.json')
  assert.equal(logLength(path), 0)
  assert.equal(lastLoggedError(path, 0), undefined)
  writeFileSync(path, '{"level":"error","msg":"of another start"}\n')
  const before = logLength(path)
  assert.equal(lastLoggedError(path, before), undefined)
  appendFileSync(path, `${'x'.repeat(100_000)}\n{"level":"error","msg":"of this one"}\n`)
  assert.equal(lastLoggedError(path, before), 'of this one')
  rmSync(folder, { recursive: true })
})

test('an entry of crun 1.28 takes several lines', () => {
  const entry = (message: string) =>
    `{\n  "msg": "${message}",\n  "level": "error",\n  "time": "2026-01-01T00:00:00Z"\n}\n`
  const missing = 'executable file `\\/x` not found: No such file or directory'
  assert.equal(
    lastErrorIn(entry('first') + entry(missing)),
    'executable file `/x` not found: No such file or directory',
  )
  assert.equal(lastErrorIn(`{\n  "msg": "torn"\n${entry('whole')}{\n "level"`), 'whole')
  assert.equal(lastErrorIn(`${entry('before')}no JSON\n`), 'before')
})

import assert from 'node:assert/strict'
import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeBundle } from './bundle.ts'
import type { Spec } from './runtime-spec.ts'

test('a bundle is written as a whole, for its owner alone', (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'berth-bundle-'))
  t.after(() => rmSync(parent, { recursive: true }))
  const folder = join(parent, 'bundle')
  const spec = (hostname: string) => ({ hostname }) as Spec
  writeBundle(folder, spec('first'))
  const file = join(folder, 'config.json')
  // A reader that has the old file open reads it to its end.
  linkSync(file, join(parent, 'old'))
  writeBundle(folder, spec('second'))
  assert.equal(readFileSync(join(parent, 'old'), 'utf8'), '{"hostname":"first"}')
  assert.equal(readFileSync(file, 'utf8'), '{"hostname":"second"}')
  assert.deepEqual(readdirSync(folder), ['config.json'])
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.equal(statSync(file).mode & 0o777, 0o600)
})

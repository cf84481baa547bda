import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { rootfsDiff } from './rootfs-diff.ts'

test('what was made is told, folders first, without mount points', async (t) => {
  const upper = mkdtempSync(join(tmpdir(), 'berth-diff-'))
  t.after(() => rmSync(upper, { recursive: true }))
  mkdirSync(join(upper, 'a/b'), { recursive: true })
  mkdirSync(join(upper, 'proc'))
  writeFileSync(join(upper, 'a/b/-c\n'), '')
  // Not followed.
  symlinkSync('/etc', join(upper, 'link'))
  const { changed, deleted } = await rootfsDiff(upper, () => assert.fail('no opaque folder'), new Set(['proc']))
  assert.deepEqual([...changed].sort(), ['a', 'a/b', 'a/b/-c\n', 'link'])
  assert.ok(changed.indexOf('a') < changed.indexOf('a/b'))
  assert.deepEqual(deleted, [])
})

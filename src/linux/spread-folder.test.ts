import assert from 'node:assert/strict'
import { mkdtempSync, rmdirSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { spreadSubfolders } from './spread-folder.ts'

/** statfs(2): EXT4_SUPER_MAGIC. */
const ext4 = 0xef53

test('ext4 takes it, also again; elsewhere nothing happens', (t) => {
  for (const parent of [import.meta.dirname, '/dev/shm']) {
    const folder = mkdtempSync(join(parent, '.spread-'))
    t.after(() => rmdirSync(folder))
    for (let again = 0; again < 2; again++) {
      assert.equal(spreadSubfolders(folder), statfsSync(folder).type === ext4)
    }
  }
})

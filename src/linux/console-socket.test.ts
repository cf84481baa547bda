import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConsoleSocket } from './console-socket.ts'

test('what a dead process left in its place does not matter; nothing is left behind', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-console-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  writeFileSync(join(folder, 'console.sock'), '')
  {
    using socket = new ConsoleSocket(folder)
    assert.throws(() => socket.receiveMaster(), { code: 'EAGAIN' })
  }
  assert.equal(existsSync(join(folder, 'console.sock')), false)
  mkdirSync(join(folder, 'console.sock'))
  assert.throws(() => new ConsoleSocket(folder))
  assert.throws(() => new ConsoleSocket(folder, 'x'.repeat(200)), { code: /ENAMETOOLONG|EINVAL/ })
  assert.equal(open(), before)
})

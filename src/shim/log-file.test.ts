import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeFifo, openFifoForReading } from '../linux/fifo.ts'
import { LogFile } from './log-file.ts'

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('a log goes on in a new file after the old one was renamed', (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'pod', 'c.log')
  using log = new LogFile(path)
  log.append(Buffer.from('1\n'))
  renameSync(path, `${path}.1`)
  log.append(Buffer.from('2\n'))
  log.reopen()
  log.append(Buffer.from('3\n'))
  assert.deepEqual([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')], ['1\n2\n', '3\n'])
})

test('no pipe or device is taken for a log', (t) => {
  const path = join(folderFor(t), 'pipe')
  const open = readdirSync('/proc/self/fd').length
  makeFifo(path)
  assert.throws(() => new LogFile(path), { code: 'ENXIO' })
  const reader = openFifoForReading(path)
  assert.throws(() => new LogFile(path), { code: 'failed-precondition', message: /is not a file/ })
  closeSync(reader)
  assert.throws(() => new LogFile('/dev/null'), { code: 'failed-precondition' })
  assert.equal(readdirSync('/proc/self/fd').length, open)
})

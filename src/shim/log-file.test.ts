import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { makeFifo } from '../linux/fifo.ts'
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

test('a new log that was taken away again for the old one: what it had goes there', (t) => {
  const path = join(folderFor(t), 'c.log')
  using log = new LogFile(path)
  log.append(Buffer.from('1\n'))
  renameSync(path, `${path}.1`)
  log.reopen()
  log.append(Buffer.from('2\n'))
  // As the kubelet does when the answer to its request was lost.
  renameSync(`${path}.1`, path)
  log.append(Buffer.from('3\n'))
  assert.equal(readFileSync(path, 'utf8'), '1\n2\n3\n')
})

test('a log that was deleted is made anew, without what was deleted', (t) => {
  const path = join(folderFor(t), 'c.log')
  using log = new LogFile(path)
  log.append(Buffer.from('1\n'))
  rmSync(path)
  log.append(Buffer.from('2\n'))
  assert.equal(readFileSync(path, 'utf8'), '2\n')
})

test('a file is found under the name that it was given since', (t) => {
  const path = join(folderFor(t), 'c.log')
  using log = new LogFile(path)
  log.append(Buffer.from('1\n'))
  const { facts } = log
  renameSync(path, `${path}.20260102-030405`)
  writeFileSync(path, 'another')
  using found = LogFile.find(path, facts) ?? assert.fail('not found')
  assert.equal(found.isReplaced, true)
  found.append(Buffer.from('2\n'))
  assert.equal(readFileSync(`${path}.20260102-030405`, 'utf8'), '1\n2\n')
  rmSync(`${path}.20260102-030405`)
  assert.equal(LogFile.find(path, facts), undefined)
})

test('no pipe or device is taken for a log', (t) => {
  const path = join(folderFor(t), 'pipe')
  const open = readdirSync('/proc/self/fd').length
  makeFifo(path)
  assert.throws(() => new LogFile(path), { code: 'failed-precondition', message: /is not a file/ })
  assert.throws(() => new LogFile('/dev/null'), { code: 'failed-precondition' })
  assert.equal(readdirSync('/proc/self/fd').length, open)
})

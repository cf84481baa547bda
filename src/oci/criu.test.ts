import assert from 'node:assert/strict'
import { test } from 'node:test'
import { criuConfig, lastCriuError } from './criu.ts'

test('CRIU is told of files by mount and inode, in hex, each once', () => {
  const pipe = { mountId: 27, inode: 0x228035 }
  assert.equal(criuConfig([pipe, { mountId: 27, inode: 1 }, pipe]), 'external file[1b:228035]\nexternal file[1b:1]\n')
  assert.equal(criuConfig([]), '')
})

test('of its log the error that says most is told', () => {
  const log = [
    "(00.177694) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted",
    '(00.190000) Dumping path for 1 fd',
    "(00.203606) Error (criu/files-reg.c:1790): Can't lookup mount=27 for fd=1 path=/tmp/out",
    '(00.203614) Error (criu/cr-dump.c:1545): Dump files (pid: 10417) failed with -1',
    '(00.249466) Error (criu/cr-dump.c:1975): Dumping FAILED.',
  ]
  assert.equal(lastCriuError(log.join('\n')), "Can't lookup mount=27 for fd=1 path=/tmp/out (criu/files-reg.c:1790)")
  assert.equal(lastCriuError(log[4] ?? ''), 'Dumping FAILED. (criu/cr-dump.c:1975)')
  assert.equal(lastCriuError(''), undefined)
})

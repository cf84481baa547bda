import assert from 'node:assert/strict'
import { closeSync, constants, mkdtempDisposableSync, openSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { invalidArgument, messageOf, operationFailed } from '../lib/errors.ts'
import { makeFifo } from '../linux/fifo.ts'
import { withLastWords } from './last-words.ts'

test('a runtime that says nothing in its log is quoted from its stderr', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-words-'))
  const path = join(folder.path, 'stderr')
  makeFifo(path)
  const silent = operationFailed('runc run failed: it ended with code 127')
  const held = openSync(path, constants.O_RDWR)
  try {
    assert.equal(withLastWords(silent, path), silent)
    writeSync(held, 'a warning\nrunc: error while loading shared libraries: libseccomp.so.2\n')
    const told = operationFailed('runc run failed: no such device')
    assert.equal(withLastWords(told, path), told)
    const refused = invalidArgument('a command that is not there')
    assert.equal(withLastWords(refused, path), refused)
    assert.equal(
      messageOf(withLastWords(silent, path)),
      'runc run failed: it ended with code 127: runc: error while loading shared libraries: libseccomp.so.2',
    )
  } finally {
    closeSync(held)
  }
  assert.equal(withLastWords(silent, join(folder.path, 'nowhere')), silent)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maxExecOutput, shared } from './exec-sync.ts'

const lengths = (stdout: number, stderr: number) =>
  shared(Buffer.alloc(stdout), Buffer.alloc(stderr)).map(({ length }) => length)

test('the outputs of a command share what fits into an answer', () => {
  assert.deepEqual(lengths(5, 7), [5, 7])
  assert.deepEqual(lengths(maxExecOutput, 0), [maxExecOutput, 0])
  assert.deepEqual(lengths(maxExecOutput, 100), [maxExecOutput - 100, 100])
  assert.deepEqual(lengths(100, maxExecOutput), [100, maxExecOutput - 100])
  assert.deepEqual(lengths(maxExecOutput, maxExecOutput), [maxExecOutput / 2, maxExecOutput / 2])
})

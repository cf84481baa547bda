import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusOf } from './status.ts'

test('from v4 on, the outcome is a metav1.Status', () => {
  assert.deepEqual(JSON.parse(statusOf({ type: 'exited', exitCode: 0 }, true)), { metadata: {}, status: 'Success' })
  assert.deepEqual(JSON.parse(statusOf({ type: 'exited', exitCode: 3 }, true)), {
    metadata: {},
    status: 'Failure',
    message: 'command terminated with non-zero exit code: 3',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '3' }] },
  })
  assert.deepEqual(JSON.parse(statusOf({ type: 'failed', message: 'no such container' }, true)), {
    metadata: {},
    status: 'Failure',
    message: 'Internal error occurred: no such container',
    reason: 'InternalError',
    details: { causes: [{ message: 'no such container' }] },
    code: 500,
  })
})

test('an exit code that is none becomes 255: clients read 8 bits', () => {
  for (const exitCode of [-1, 256, Number.NaN]) {
    assert.match(statusOf({ type: 'exited', exitCode }, true), /"reason":"ExitCode","message":"255"/)
  }
})

test('before v4 only errors are told, as text', () => {
  assert.equal(statusOf({ type: 'exited', exitCode: 0 }, false), '')
  assert.equal(statusOf({ type: 'exited', exitCode: 3 }, false), 'command terminated with non-zero exit code: 3')
  assert.equal(statusOf({ type: 'failed', message: 'no' }, false), 'Internal error occurred: no')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exitCause, signalOf } from './exit-code.ts'

const exit = { exitCode: 1, reason: 'Error', message: '', memoryLimit: 0, ranMs: 3000 }

test('a kill by the OOM killer is told with the limit', () => {
  const cause = exitCause({ ...exit, exitCode: 137, reason: 'OOMKilled', memoryLimit: 64 << 20 })
  assert.equal(cause.layer, 'kernel')
  assert.match(cause.what, /after 3 seconds with code 137: SIGKILL .* OOM killer.* limit of 64 MiB/)
  assert.match(exitCause({ ...exit, exitCode: 137, reason: 'OOMKilled' }).what, /no limit of its own/)
})

test('what the kernel did not do is not blamed on it', () => {
  const cause = exitCause({ ...exit, exitCode: 137 })
  assert.equal(cause.layer, 'application')
  assert.match(cause.what, /SIGKILL \(128 \+ 9\).*not by the OOM killer/)
})

test('each code has its meaning', () => {
  const meanings: [number, RegExp][] = [
    [0, /with success/],
    [1, /says by it that it failed/],
    [126, /could not execute/],
    [127, /did not find the command/],
    [132, /SIGILL.*CPU/],
    [134, /SIGABRT/],
    [139, /SIGSEGV \(128 \+ 11\).*crashed/],
    [143, /SIGTERM.*asked to end/],
    [255, /exit\(-1\)/],
  ]
  for (const [exitCode, words] of meanings) assert.match(exitCause({ ...exit, exitCode }).what, words)
})

test('a start that failed is told by the layer that failed, in its words', () => {
  const message = 'runc create failed: exec: "x": executable file not found in $PATH; the image has no such program'
  const cause = exitCause({ ...exit, exitCode: 128, reason: 'StartError', message })
  assert.deepEqual([cause.layer, cause.said], ['configuration', message])
})

test('an exit code that was lost is not explained as if it were true', () => {
  const lost = { ...exit, exitCode: 255, reason: 'Unknown' }
  assert.equal(exitCause({ ...lost, message: 'the machine was restarted while it ran' }).layer, 'node')
  assert.equal(exitCause({ ...lost, message: 'nobody saw it' }).layer, 'container runtime')
})

test('signals by code', () => {
  assert.deepEqual(
    [signalOf(137), signalOf(128), signalOf(1), signalOf(255)],
    ['SIGKILL', undefined, undefined, undefined],
  )
})

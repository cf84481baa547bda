import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DetachKeys } from './detach-keys.ts'
import { parsePortPair } from './port-pair.ts'
import { exitCodeOf } from '../../client/streaming/status.ts'

test('exit codes out of the error channel', () => {
  assert.equal(exitCodeOf('{"status":"Success"}'), 0)
  const causes = [{ reason: 'ExitCode', message: '7' }]
  assert.equal(exitCodeOf(JSON.stringify({ status: 'Failure', details: { causes } })), 7)
  assert.throws(() => exitCodeOf('{"status":"Failure","message":"no such program"}'), /^BerthError: no such program$/)
  assert.throws(() => exitCodeOf('plain text'), /plain text/)
  assert.throws(() => exitCodeOf(''), /ended before the command/)
})

test('pairs of ports', () => {
  assert.deepEqual(parsePortPair('8080:80'), { local: 8080, remote: 80 })
  assert.deepEqual(parsePortPair('80'), { local: 80, remote: 80 })
  assert.deepEqual(parsePortPair(':80'), { local: 0, remote: 80 })
  for (const bad of ['', 'a', '80:', '0', '1:70000', '70000:1', '-1'])
    assert.throws(() => parsePortPair(bad), /pair of ports/)
})

test('Ctrl-P Ctrl-Q detaches, also in two pieces; any other Ctrl-P goes through', () => {
  const keys = new DetachKeys()
  assert.deepEqual(keys.add(Buffer.from('a\x10')), { bytes: Uint8Array.from([97]), detach: false })
  assert.deepEqual(keys.add(Buffer.from('b')), { bytes: Uint8Array.from([16, 98]), detach: false })
  keys.add(Buffer.from('\x10'))
  assert.deepEqual(keys.add(Buffer.from('\x11')), { bytes: Uint8Array.from([]), detach: true })
})

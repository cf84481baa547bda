import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePluginFailure, parsePluginResult } from './plugin-output.ts'

const bytes = (data: unknown) => Buffer.from(typeof data === 'string' ? data : JSON.stringify(data))

test('a result of another version is turned into the version of the network, unknown fields kept', () => {
  const old = { cniVersion: '0.3.1', ips: [{ version: '4', address: '10.1.0.2/24' }], vendor: { x: 1 } }
  assert.deepEqual(parsePluginResult(bytes(old), '1.0.0'), {
    cniVersion: '1.0.0',
    ips: [{ address: '10.1.0.2/24' }],
    vendor: { x: 1 },
  })
  const recent = { cniVersion: '1.1.0', ips: [{ address: '10.1.0.2/24' }, { address: 'fd00::2/64' }] }
  assert.deepEqual(parsePluginResult(bytes(recent), '0.4.0').ips, [
    { address: '10.1.0.2/24', version: '4' },
    { address: 'fd00::2/64', version: '6' },
  ])
  assert.equal(parsePluginResult(bytes({ ips: null }), '1.0.0').cniVersion, '1.0.0')
})

test('an error is one line of bounded length, whatever the plugin wrote', () => {
  const failure = (stdout: unknown, stderr = '') => parsePluginFailure(bytes(stdout), bytes(stderr), 'exit code 1')
  assert.deepEqual(failure({ code: 7, msg: 'bad\u001b[2J\nconfig', details: '' }), {
    code: 7,
    problem: 'bad [2J config',
  })
  assert.deepEqual(failure('', ''), { code: undefined, problem: 'exit code 1, without a word' })
  assert.deepEqual(failure('to stdout', ''), { code: undefined, problem: 'exit code 1: to stdout' })
  assert.equal(failure({ code: 'x', msg: 'y' }, 'on stderr').problem, 'exit code 1: on stderr')
  assert.ok(failure({ msg: 'x'.repeat(100_000) }).problem.length < 2100)
})

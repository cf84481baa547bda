import assert from 'node:assert/strict'
import { test } from 'node:test'
import { execProcess } from './exec.ts'

const container = { user: { uid: 5, gid: 6 }, args: ['main'], env: ['A=1', 'TERM=dumb'], cwd: '/w', terminal: true }

test('an exec is the container with another command and its own terminal', () => {
  assert.deepEqual(execProcess(container, ['ls', '-l'], false), {
    user: { uid: 5, gid: 6 },
    args: ['ls', '-l'],
    env: ['A=1', 'TERM=dumb'],
    cwd: '/w',
  })
  const withTerminal = execProcess(container, ['sh'], true)
  assert.deepEqual([withTerminal.terminal, withTerminal.env], [true, ['A=1', 'TERM=xterm']])
})

test('nothing to run is refused', () => {
  for (const command of [[], [''], ['a', 'b\0']]) {
    assert.throws(() => execProcess(container, command, false), { code: 'invalid-argument', message: /^cmd/ })
  }
})

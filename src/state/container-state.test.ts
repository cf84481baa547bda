import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContainerEvent, type ContainerState, nextContainerState } from './container-state.ts'

const running: ContainerState = { phase: 'running', pid: 7, startedAt: 100n }
const exited: ContainerState = {
  phase: 'exited',
  startedAt: 100n,
  finishedAt: 200n,
  exitCode: 0,
  reason: 'Completed',
  message: '',
}
const exit = (change: object = {}): ContainerEvent => ({
  type: 'exited',
  at: 200n,
  exitCode: 0,
  signal: 0,
  oomKilled: false,
  ...change,
})

test('the straight way from creating to exited', () => {
  let state: ContainerState = { phase: 'creating' }
  const phases: string[] = []
  const events: ContainerEvent[] = [{ type: 'made' }, { type: 'start' }, { type: 'started', pid: 7, at: 100n }, exit()]
  for (const event of events) {
    state = nextContainerState(state, event)
    phases.push(state.phase)
  }
  assert.deepEqual(phases, ['created', 'starting', 'running', 'exited'])
  assert.deepEqual(state, exited)
})

test('the reason of an exit', () => {
  const reasonOf = (change: object) => {
    const state = nextContainerState(running, exit(change))
    return state.phase === 'exited' ? state.reason : state.phase
  }
  assert.equal(reasonOf({}), 'Completed')
  assert.equal(reasonOf({ exitCode: 3 }), 'Error')
  assert.equal(reasonOf({ exitCode: 137, signal: 9 }), 'Error')
  assert.equal(reasonOf({ exitCode: 137, signal: 9, oomKilled: true }), 'OOMKilled')
  // The kernel killed a child of it, and it dealt with that.
  assert.equal(reasonOf({ exitCode: 0, oomKilled: true }), 'Completed')
  assert.equal(reasonOf({ exitCode: 1, oomKilled: true }), 'Error')
})

test('a failed start is an exit with code 128 and the reason StartError', () => {
  const state = nextContainerState({ phase: 'starting' }, { type: 'start-failed', at: 5n, message: 'no such program' })
  const expected = { phase: 'exited', startedAt: 0n, finishedAt: 5n, exitCode: 128, reason: 'StartError' }
  assert.deepEqual(state, { ...expected, message: 'no such program' })
})

test('it never finishes before it started, even when the clock was set back', () => {
  const state = nextContainerState(running, exit({ at: 50n }))
  assert.equal(state.phase === 'exited' && state.finishedAt, 100n)
})

test('an exit can be news before the start is', () => {
  const state = nextContainerState({ phase: 'starting' }, exit())
  assert.equal(state.phase, 'exited')
  assert.equal(nextContainerState(state, { type: 'started', pid: 7, at: 100n }), state)
  const told = nextContainerState({ phase: 'starting' }, exit({ startedAt: 150n }))
  assert.equal(told.phase === 'exited' && told.startedAt, 150n)
})

test('a lost container is unknown until its end is known', () => {
  const unknown = nextContainerState(running, { type: 'lost', message: 'why' })
  assert.deepEqual(unknown, { phase: 'unknown', pid: 7, startedAt: 100n, message: 'why' })
  assert.equal(nextContainerState(unknown, exit()).phase, 'exited')
  const lost = nextContainerState(unknown, { type: 'exit-lost', at: 200n, message: 'gone' })
  assert.deepEqual(lost, { ...exited, exitCode: 255, reason: 'Unknown', message: 'gone' })
})

test('an unknown container runs when its shim knows of it', () => {
  const unknown: ContainerState = { phase: 'unknown', pid: 0, startedAt: 0n, message: 'why' }
  assert.deepEqual(nextContainerState(unknown, { type: 'started', pid: 7, at: 100n }), running)
})

test('what has ended stays as it is, whatever comes', () => {
  const events: ContainerEvent[] = [
    { type: 'made' },
    { type: 'start' },
    { type: 'started', pid: 8, at: 300n },
    { type: 'start-failed', at: 300n, message: '' },
    exit({ exitCode: 9 }),
    { type: 'exit-lost', at: 300n, message: '' },
    { type: 'lost', message: '' },
  ]
  for (const event of events) assert.equal(nextContainerState(exited, event), exited)
})

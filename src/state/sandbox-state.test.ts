import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextSandboxState, type SandboxEvent, type SandboxState } from './sandbox-state.ts'

const states: SandboxState[] = [
  { phase: 'creating' },
  { phase: 'ready' },
  { phase: 'stopping', reason: 'first' },
  { phase: 'stopped', reason: 'first' },
  { phase: 'unknown', reason: 'why' },
]
const after = (event: SandboxEvent) => states.map((state) => nextSandboxState(state, event).phase)

test('every event in every state', () => {
  assert.deepEqual(after({ type: 'made' }), ['ready', 'ready', 'stopping', 'stopped', 'unknown'])
  assert.deepEqual(after({ type: 'stop', reason: 'second' }), [
    'stopping',
    'stopping',
    'stopping',
    'stopped',
    'stopping',
  ])
  assert.deepEqual(after({ type: 'stopped' }), ['creating', 'ready', 'stopped', 'stopped', 'unknown'])
})

test('the reason of the first stop stays', () => {
  const stopping = nextSandboxState({ phase: 'ready' }, { type: 'stop', reason: 'first' })
  const again = nextSandboxState(stopping, { type: 'stop', reason: 'second' })
  assert.deepEqual(nextSandboxState(again, { type: 'stopped' }), { phase: 'stopped', reason: 'first' })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultWindow } from './frames.ts'
import { ReceiveWindows, Taken } from './receive-windows.ts'

/** What a peer that sends `pieces` of 32 KiB is told, when each is taken at once. */
function updatesFor(pieces: number) {
  const updates: { id: number; bytes: number }[] = []
  const windows = new ReceiveWindows((id, bytes) => updates.push({ id, bytes }))
  const stream = { id: 1, taken: new Taken() }
  for (let i = 0; i < pieces; i++) windows.taken(32 * 1024, stream)
  return (id: number) => updates.filter((update) => update.id === id).map(({ bytes }) => bytes)
}

test('a peer that sends half a window gets larger ones', () => {
  const updates = updatesFor(1)
  assert.deepEqual(updates(1), [32 * 1024 + 256 * 1024 - defaultWindow])
  assert.deepEqual(updates(0), [32 * 1024 + 1024 * 1024 - defaultWindow])
})

test('after that it is told once half a window has been taken', () => {
  const updates = updatesFor(1 + 32)
  assert.deepEqual(updates(1).slice(1), Array(8).fill(128 * 1024))
  assert.deepEqual(updates(0).slice(1), Array(2).fill(512 * 1024))
})

test('of a stream that has ended only the session counts', () => {
  const updates: number[] = []
  const windows = new ReceiveWindows((id) => updates.push(id))
  windows.taken(defaultWindow)
  assert.deepEqual(updates, [0])
})

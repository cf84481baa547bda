import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Heartbeat } from './heartbeat.ts'

function beats(answers: (turn: number) => Promise<void>) {
  let asked = 0
  let mute = 0
  const heartbeat = new Heartbeat(
    () => answers(++asked),
    () => mute++,
    1000,
  )
  return { heartbeat, asked: () => asked, mute: () => mute }
}

/** Lets mocked time pass, and answers arrive. */
async function seconds(t: TestContext, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    t.mock.timers.tick(1000)
    await new Promise(setImmediate)
  }
}

test('who answers is asked on and on', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { asked, mute } = beats(async () => {})
  await seconds(t, 10)
  assert.deepEqual([asked(), mute()], [10, 0])
})

test('who does not answer three times in a row is mute, once', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { asked, mute } = beats((turn) => (turn < 3 ? Promise.resolve() : new Promise(() => {})))
  await seconds(t, 5)
  assert.deepEqual([asked(), mute()], [3, 0])
  await seconds(t, 10)
  assert.deepEqual([asked(), mute()], [3, 1])
})

test('a late answer is an answer', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const late = Promise.withResolvers<void>()
  const { asked, mute } = beats((turn) => (turn === 1 ? late.promise : Promise.resolve()))
  await seconds(t, 3)
  late.resolve()
  await new Promise(setImmediate)
  await seconds(t, 10)
  assert.deepEqual([asked(), mute()], [10 + 1, 0])
})

test('nobody is asked over a connection that has closed', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const { asked, mute } = beats(() => Promise.reject(new Error('closed')))
  await seconds(t, 10)
  assert.deepEqual([asked(), mute()], [1, 0])
})

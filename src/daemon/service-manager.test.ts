import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { patiently } from '../lib/testing/patiently.ts'
import { silentLogger } from '../lib/log.ts'
import { ServiceManager } from './service-manager.ts'

/** A service manager that restarts what it has not heard of for so long, and what it has heard. */
function listening(watchdogMs: number) {
  const said: string[] = []
  const manager = new ServiceManager((text) => void said.push(text), silentLogger, watchdogMs)
  return { manager, said }
}

const isHeard = (said: readonly string[]) => () => assert.ok(said.includes('WATCHDOG=1'))

test('it hears that all is well, also when a third of its time is no whole number', async (t) => {
  const { manager, said } = listening(10_000)
  using _ = manager
  manager.ready(async () => {})
  await t.waitFor(isHeard(said), patiently)
})

test('after a check that fails the API is asked again soon, not at the next time', async (t) => {
  const { manager, said } = listening(10_000_000)
  using _ = manager
  let asked = 0
  manager.ready(async () => {
    if (++asked === 1) throw new Error('no answer')
  })
  await t.waitFor(isHeard(said), patiently)
  assert.equal(asked, 2)
})

test('a check that is under way at the end is the last', async () => {
  const { manager, said } = listening(3)
  const check = Promise.withResolvers<void>()
  let asked = 0
  manager.ready(() => {
    asked++
    return check.promise
  })
  manager[Symbol.dispose]()
  check.resolve()
  await delay(30)
  assert.deepEqual([asked, said], [1, ['READY=1\nSTATUS=serving CRI']])
})

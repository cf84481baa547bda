import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Reaper } from './reaper.ts'
import { spawn } from './spawn.ts'

function run(script: string): number {
  const nothing = openSync('/dev/null', 'r+')
  try {
    return spawn({ file: '/bin/sh', args: ['-c', script], stdin: nothing, stdout: nothing, stderr: nothing })
  } finally {
    closeSync(nothing)
  }
}

/** Runs a script to its end, and until the reaper has taken notice. */
async function reaped(reaper: Reaper, script: string): Promise<number> {
  const before = reaper.mark()
  const pid = run(script)
  while (reaper.mark() === before) await delay(5)
  return pid
}

const unknown = (wait: Promise<unknown>) => Promise.race([wait, delay(50, 'unknown')])

test('an exit from before its pid was known is given to who has waited since then', async () => {
  using reaper = new Reaper({ adopt: true })
  const before = reaper.mark()
  const pid = await reaped(reaper, 'exit 7')
  assert.equal(reaper.mark(), before + 1)
  assert.deepEqual(await reaper.wait(pid, before), { exitCode: 7, signal: 0 })
  assert.equal(reaper.claim(pid), undefined)
})

test('the exit of an earlier process with the same pid is not that of a new one', async () => {
  using reaper = new Reaper({ adopt: true })
  const first = await reaped(reaper, 'exit 77')
  // As if the kernel gave the pid again, to a child that is spawned now,
  assert.equal(await unknown(reaper.wait(first)), 'unknown')
  const second = await reaped(reaper, 'exit 77')
  // or to one whose runtime is started now and tells of it later.
  assert.equal(await unknown(reaper.wait(second, reaper.mark())), 'unknown')
})

test('nobody gets an exit that is older than five minutes', async (t) => {
  using reaper = new Reaper({ adopt: true })
  const pid = await reaped(reaper, 'exit 1')
  const now = performance.now()
  t.mock.method(performance, 'now', () => now + 301_000)
  assert.equal(reaper.claim(pid), undefined)
})

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

const unknown = (wait: Promise<unknown>) => Promise.race([wait, delay(50, 'unknown')])

test('an exit from before its pid was known is given to who has waited since then', async () => {
  using reaper = new Reaper({ adopt: true })
  const before = reaper.mark()
  const pid = run('exit 7')
  await delay(200)
  assert.equal(reaper.mark(), before + 1)
  assert.deepEqual(await reaper.wait(pid, before), { exitCode: 7, signal: 0 })
  assert.equal(reaper.claim(pid), undefined)
})

test('the exit of an earlier process with the same pid is not that of a new one', async () => {
  using reaper = new Reaper({ adopt: true })
  const first = run('exit 77')
  await delay(200)
  // As if the kernel gave the pid again, to a child that is spawned now,
  assert.equal(await unknown(reaper.wait(first)), 'unknown')
  const second = run('exit 77')
  await delay(200)
  // or to one whose runtime is started now and tells of it later.
  assert.equal(await unknown(reaper.wait(second, reaper.mark())), 'unknown')
})

test('nobody gets an exit that is older than five minutes', async (t) => {
  using reaper = new Reaper({ adopt: true })
  const pid = run('exit 1')
  await delay(200)
  const now = performance.now()
  t.mock.method(performance, 'now', () => now + 301_000)
  assert.equal(reaper.claim(pid), undefined)
})

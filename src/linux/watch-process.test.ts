import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, readdirSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openPidfd } from './pidfd.ts'
import { readProcessStat } from './process-stat.ts'
import { Reaper } from './reaper.ts'
import { watchProcess } from './watch-process.ts'

const [major = 0, minor = 0] = release().split('.').map(Number)
const kernelTells = major > 6 || (major === 6 && minor >= 15)

/** Starts a shell that is not a child of this process, and answers its pid. */
function orphan(script: string): number {
  return Number(
    execFileSync('/bin/sh', ['-c', 'sh -c "$1" <&- >&- 2>&- & echo $!', 'sh', script], { encoding: 'utf8' }),
  )
}

async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(10)
}

test('how a process ended that is not a child', { skip: !kernelTells }, async () => {
  using reaper = new Reaper({ adopt: false })
  const ends = [orphan('sleep 0.3; exit 7'), orphan('sleep 0.3; kill -9 $$')].map((pid) =>
    watchProcess(reaper, pid, () => true),
  )
  assert.deepEqual(await Promise.all(ends), [
    { exitCode: 7, signal: 0 },
    { exitCode: 137, signal: 9 },
  ])
})

test('how a process ended that was gone already, by the pidfd that was held', { skip: !kernelTells }, async () => {
  using reaper = new Reaper({ adopt: false })
  const pid = orphan('sleep 0.3; exit 8')
  const pidfd = openPidfd(pid)
  await eventually(() => !readProcessStat(pid))
  assert.deepEqual(await watchProcess(reaper, pid, () => assert.fail('asked'), pidfd), { exitCode: 8, signal: 0 })
  closeSync(pidfd)
})

test('a pid that means another process is not waited for', async () => {
  using reaper = new Reaper({ adopt: false })
  assert.equal(await watchProcess(reaper, orphan('sleep 5'), () => false), undefined)
})

test('a process that is gone is not waited for', async () => {
  using reaper = new Reaper({ adopt: false })
  assert.equal(await watchProcess(reaper, 0x3fffff, () => true), undefined)
})

test('who gives up holds nothing of the process any more', async () => {
  using reaper = new Reaper({ adopt: false })
  const pid = orphan('sleep 30')
  const pidfds = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').includes(`Pid:\t${pid}\n`)
      } catch {
        return false
      }
    })
  const giveUp = new AbortController()
  const watching = watchProcess(reaper, pid, () => true, undefined, giveUp.signal)
  assert.equal(pidfds().length, 1)
  giveUp.abort()
  assert.equal(await watching, undefined)
  assert.equal(pidfds().length, 0)
  process.kill(pid, 'SIGKILL')
})

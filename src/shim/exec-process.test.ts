import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { readProcessStat } from '../linux/process-stat.ts'
import { Reaper } from '../linux/reaper.ts'
import { ExecStarter } from './exec-process.ts'

/** An OCI runtime that is a shell script, in a folder that is `$folder` in it. */
function scripted(t: TestContext, script: string) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-exec-'))
  const path = join(folder, 'runtime')
  writeFileSync(path, `#!/bin/sh\nfolder=${folder}\n${script}\n`, { mode: 0o755 })
  const reaper = new Reaper({ adopt: true })
  t.after(() => {
    reaper[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })
  const pids = () => (existsSync(join(folder, 'command')) ? [numberIn(folder, 'command')] : [])
  const starter = new ExecStarter({ reaper, cgroups: { pids }, warmup: { expectAttach() {} } })
  const request = {
    id: 'container',
    bundle: folder,
    runtime: { name: 'scripted', path, root: folder },
    process: {},
    cgroup: '/c',
  }
  return { folder, starter, request }
}

const numberIn = (folder: string, file: string) => Number(readFileSync(join(folder, file), 'utf8'))

const alive = (pid: number) => readProcessStat(pid)?.zombie === false

test('a runtime that hangs is killed, with the command it has started, when nobody waits any more', {
  timeout: 20_000,
}, async (t) => {
  const { folder, starter, request } = scripted(
    t,
    `if [ -e $folder/runtime.pid ]; then
  sleep 0.1 & while [ $# -gt 2 ]; do [ "$1" = --pid-file ] && echo $! > "$2"; shift; done; exit 0
fi
setsid sleep 1000 & echo $! > $folder/command
echo $$ > $folder/runtime.pid; sleep 1000`,
  )
  const giveUp = new AbortController()
  const first = starter.start(request, {}, giveUp.signal)
  first.catch(() => {})
  while (!existsSync(join(folder, 'runtime.pid'))) await delay(10)
  await delay(50)
  const [runtime, command] = [numberIn(folder, 'runtime.pid'), numberIn(folder, 'command')]
  assert.ok(alive(runtime) && alive(command))
  const following = starter.start(request, {}, new AbortController().signal)
  giveUp.abort(new Error('too long'))
  await assert.rejects(first, { code: 'cancelled' })
  assert.deepEqual([alive(runtime), alive(command)], [false, false])
  const { pid } = await following
  assert.ok(pid > 0)
})

test('a start that nobody waits for when its turn comes is left out', async (t) => {
  const { folder, starter, request } = scripted(t, 'touch $folder/called')
  await assert.rejects(starter.start(request, {}, AbortSignal.abort(new Error('gone'))), /gone/)
  assert.equal(existsSync(join(folder, 'called')), false)
})

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLogger } from '../lib/log.ts'
import { makeFifo } from '../linux/fifo.ts'
import { readProcessStat } from '../linux/process-stat.ts'
import { Reaper } from '../linux/reaper.ts'
import { SupervisedProcess, type SupervisorParts } from './supervised.ts'

const starved = () => {
  throw new Error('no space left')
}

/** A container whose OCI runtime is a shell script, in a folder that is `$folder` in it. */
function container(t: TestContext, script: string, parts: Partial<SupervisorParts> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-supervised-'))
  const path = join(folder, 'runtime')
  writeFileSync(path, `#!/bin/sh\nfolder=${folder}\n${script}\n`, { mode: 0o755 })
  for (const name of ['stdout', 'stderr']) makeFifo(join(folder, name))
  const reaper = new Reaper({ adopt: true })
  t.after(() => {
    reaper[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })
  const launch = {
    id: 'c',
    bundle: folder,
    runtime: { name: 'scripted', path, root: folder },
    logPath: join(folder, 'log'),
    stdin: false,
    tty: false,
    cgroup: '/c',
  }
  const cgroups = { oomKills: () => 0, kill: async () => {}, pids: () => [] }
  const process = new SupervisedProcess(launch, {
    reaper,
    cgroups,
    warmup: { expectAttach() {} },
    log: silentLogger,
    ...parts,
  })
  return { folder, process }
}

test('an end that cannot be recorded is told all the same', async (t) => {
  const cgroups = { oomKills: starved, kill: async () => {}, pids: () => [] }
  const { folder, process } = container(t, '', { cgroups })
  process.adopt({ pid: 1, startedAt: '1' })
  // Where the record would be written.
  mkdirSync(join(folder, 'exit.json.new'))
  process.end({ exitCode: 3, signal: 0 })
  const exit = await process.exited
  assert.deepEqual([exit.exitCode, exit.oomKilled], [3, false])
  assert.equal(process.describe()?.exit, exit)
  assert.equal(process.running, false)
})

test('a runtime that hangs is killed, and the container deleted', { timeout: 20_000 }, async (t) => {
  const script = `case " $* " in *" run "*) echo $$ > $folder/pid; sleep 1000;; *) echo "$*" > $folder/deleted;; esac`
  const { folder, process } = container(t, script, { startPatience: 300 })
  await assert.rejects(process.start(), {
    code: 'deadline-exceeded',
    message: /did not start the container within 0.3 s/,
  })
  assert.equal(readProcessStat(Number(readFileSync(join(folder, 'pid'), 'utf8'))), undefined)
  assert.match(readFileSync(join(folder, 'deleted'), 'utf8'), /delete --force c/)
  assert.equal(existsSync(join(folder, 'runtime.json')), false)
})

test('who starts it need not be on record for it to start', async (t) => {
  const script = `case " $* " in
  *" run "*) while [ "$1" != --pid-file ]; do shift; done; sleep 0.2 >&- 2>&- & echo $! > "$2";; esac`
  const { folder, process } = container(t, script)
  mkdirSync(join(folder, 'runtime.json'))
  const { pid } = await process.start()
  assert.ok(pid > 0)
  process.end({ exitCode: 0, signal: 0 })
})

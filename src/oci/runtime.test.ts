import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Reaper } from '../linux/reaper.ts'
import { OciRuntime, type OciRuntimeOptions } from './runtime.ts'

/*
 * The driver against a fake runtime: a shell script that notes its arguments and then does what a test tells it.
 */

const folder = mkdtempSync(join(tmpdir(), 'berth-runtime-'))
const reaper = new Reaper({ adopt: true })
const path = join(folder, 'fake')
const files = { pidFile: join(folder, 'pid'), logFile: join(folder, 'log') }
const nul = openSync('/dev/null', 'r+')
const stdio = { stdin: nul, stdout: nul, stderr: nul }

after(() => {
  closeSync(nul)
  reaper[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

function fake(script: string, options: Partial<OciRuntimeOptions> = {}): OciRuntime {
  writeFileSync(path, `#!/bin/sh\nprintf '%s ' "$@" > ${folder}/args\n${script}\n`, { mode: 0o755 })
  return new OciRuntime({ name: 'fake', path, root: '/state', reaper, ...options })
}

const given = () => readFileSync(join(folder, 'args'), 'utf8').trim().replaceAll(folder, '.')

test('the command lines', async () => {
  const runtime = fake(`echo 42 > ${files.pidFile}`, { args: ['--debug'], systemdCgroup: true, noPivot: true })
  const global = '--root /state --systemd-cgroup --debug'
  assert.deepEqual(await runtime.run({ id: 'c1', bundle: '/b', ...files, stdio }), { pid: 42 })
  const log = '--log ./log --log-format json'
  assert.equal(given(), `${global} ${log} run --detach --bundle /b --pid-file ./pid --no-pivot c1`)
  assert.deepEqual(await runtime.exec({ id: 'c1', processFile: '/p', ...files, consoleSocket: '/s' }), { pid: 42 })
  assert.equal(given(), `${global} ${log} exec --detach --process /p --pid-file ./pid --console-socket /s c1`)
  assert.equal(await runtime.kill({ id: 'c1', signal: 'SIGTERM' }), true)
  assert.equal(given(), `${global} kill c1 SIGTERM`)
  await runtime.delete({ id: 'c1', force: true })
  assert.equal(given(), `${global} delete --force c1`)
  await runtime.update({ id: 'c1', resources: { memory: { limit: 5 } } })
  assert.equal(given(), `${global} update --resources - c1`)
})

test('the limits of an update arrive', async () => {
  await fake(`cat > ${folder}/stdin`).update({ id: 'c', resources: { memory: { limit: 5 } } })
  assert.equal(readFileSync(join(folder, 'stdin'), 'utf8'), '{"memory":{"limit":5}}')
})

test('a failure has the last error of the log, or else how it ended', async () => {
  const request = { id: 'c', bundle: '/b', ...files, stdio }
  const line = '{"level":"error","msg":"exec failed: no luck"}'
  const logs = (text: string) => `[ "$1" = --root ] && echo '${text}' >> ${files.logFile}; exit 1`
  await assert.rejects(fake(logs(line)).run(request), { code: 'unknown', message: 'fake run failed: no luck' })
  await assert.rejects(fake('exit 3').run(request), { message: 'fake run failed: it ended with code 3' })
  await assert.rejects(fake('kill -9 $$').run(request), { message: 'fake run failed: it was killed by signal 9' })
  await assert.rejects(fake(`echo > ${files.pidFile}`).run(request), { message: /wrote no pid/ })
})

test('unknown and ended containers, as runc and crun say it', async () => {
  const says = (text: string) => fake(`echo '${text}' >&2; exit 1`)
  const absent = [
    'container does not exist',
    'error opening file `/run/crun/x/status`: No such file or directory',
    'cannot open directory `/run/crun/x`: No such file or directory',
  ]
  for (const text of absent) {
    await says(text).delete({ id: 'x', force: true })
    assert.equal(await says(text).kill({ id: 'x', signal: 9 }), false)
    await assert.rejects(says(text).state({ id: 'x' }), { code: 'not-found' })
  }
  assert.equal(await says('container not running').kill({ id: 'x', signal: 9 }), false)
  await assert.rejects(says('time="t" level=error msg="boom"').state({ id: 'x' }), {
    message: /^fake state failed: boom/,
  })
  for (const text of ['say "no"', 'ERRO[0000] say "no"', 'time="t" level=error msg="say \\\\"no\\\\""']) {
    await assert.rejects(says(text).state({ id: 'x' }), { message: 'fake state failed: say "no"' }, text)
  }
  await assert.rejects(says('device busy').delete({ id: 'x' }), { message: 'fake delete failed: device busy' })
})

test('a runtime without the features command', async () => {
  assert.equal(await fake('echo unknown command >&2; exit 3').features(), undefined)
  assert.equal((await fake(`echo '{"linux":{"seccomp":{"enabled":true}}}'`).features())?.seccomp, true)
})

test('a runtime that is not there, or no program', async () => {
  const absent = fake('', { path: join(folder, 'absent') })
  const missing = { code: 'failed-precondition', message: /"fake": there is no executable file/ }
  await assert.rejects(absent.features(), missing)
  await assert.rejects(absent.run({ id: 'c', bundle: '/b', ...files, stdio }), missing)
  await assert.rejects(fake('', { path: files.logFile }).features(), missing)
})

test('the caller gives up while the runtime hangs: it is killed with its children', { timeout: 10_000 }, async () => {
  const runtime = fake('sleep 100 & sleep 100')
  const signal = AbortSignal.timeout(50)
  await assert.rejects(runtime.run({ id: 'c', bundle: '/b', ...files, stdio, signal }), { code: 'cancelled' })
  await assert.rejects(runtime.state({ id: 'c', signal: AbortSignal.timeout(50) }), { code: 'cancelled' })
  await assert.rejects(runtime.state({ id: 'c', signal: AbortSignal.abort() }), { code: 'cancelled' })
})

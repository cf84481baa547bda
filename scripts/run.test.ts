import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

const script = (program: string) => `
  import { run } from ${JSON.stringify(join(import.meta.dirname, 'run.mjs'))}
  await run('sh', ['-c', ${JSON.stringify(program)}], { stdio: ['ignore', 'pipe', 'pipe', 3] }).catch((error) => {
    console.error(error.message)
    process.exit(1)
  })`

/** A process that runs a shell command, which may write to its descriptor 3. */
function start(program: string): ChildProcess {
  const args = ['--input-type=module', '-e', script(program)]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
}

test('a signal ends the program that runs, and then the process', async () => {
  const child = start('echo $$ >&3; exec sleep 100')
  const [pid] = (await once(child.stdio[3] as NodeJS.ReadableStream, 'data')) as [Buffer]
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGTERM'])
  assert.ok(!existsSync(`/proc/${String(pid).trim()}`))
})

test('what a program that failed said is in the error; one that is not there is named', async () => {
  const child = start('echo the cause; echo the end >&2; exit 3')
  const [said, [code]] = await Promise.all([text(child.stderr as NodeJS.ReadableStream), once(child, 'exit')])
  assert.equal(code, 1)
  assert.match(said, /^sh -c .* failed \(exit code 3\):\n {2}the cause\n {2}the end\n$/)
})

import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { failedPrecondition } from '../../lib/errors.ts'
import type { RunningExec } from '../../pod/exec.ts'
import type { CommandOutcome, RemoteCommandSession } from '../session.ts'
import { runExec } from './exec.ts'

const request = {
  type: 'exec',
  containerId: 'c',
  command: ['x'],
  stdin: true,
  stdout: true,
  stderr: true,
  tty: false,
} as const

function session() {
  const gone = new AbortController()
  const outcomes: CommandOutcome[] = []
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const face: RemoteCommandSession = {
    ...streams,
    gone: gone.signal,
    finish: async (outcome) => void outcomes.push(outcome),
  }
  return { ...streams, face, outcomes, gone }
}

function command() {
  const exited = Promise.withResolvers<number>()
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  let closed = false
  const face: RunningExec = {
    ...streams,
    exited: exited.promise,
    close: () => {
      closed = true
      for (const stream of Object.values(streams)) stream.destroy()
    },
  }
  return { ...streams, face, exited, isClosed: () => closed }
}

test('streams both ways, ends the input with the client, tells the exit code after all output', async () => {
  const [client, process] = [session(), command()]
  const done = runExec({ exec: async () => process.face }, request, client.face)
  client.stdin.end('input')
  assert.equal(await text(process.stdin), 'input')
  process.stdout.end('out')
  process.stderr.end('err')
  process.exited.resolve(3)
  const [stdout, stderr] = await Promise.all([text(client.stdout), text(client.stderr)])
  await done
  assert.deepEqual([stdout, stderr, client.outcomes], ['out', 'err', [{ type: 'exited', exitCode: 3 }]])
  assert.ok(process.isClosed())
})

test('input for a command that has closed its stdin is dropped', async () => {
  const [client, process] = [session(), command()]
  const done = runExec({ exec: async () => process.face }, request, client.face)
  process.stdin.destroy()
  for (let n = 0; n < 100; n++) {
    if (!client.stdin.write(Buffer.alloc(10_000))) await new Promise((resolve) => client.stdin.once('drain', resolve))
  }
  process.stdout.end()
  process.stderr.end()
  process.exited.resolve(0)
  await done
})

test('when the client goes, the streams of the command are closed', async () => {
  const [client, process] = [session(), command()]
  const done = runExec({ exec: async () => process.face }, request, client.face)
  await new Promise(setImmediate)
  client.gone.abort()
  await done
  assert.ok(process.isClosed())
})

test('what cannot be started is told', async () => {
  const client = session()
  await runExec(
    {
      exec: async () => {
        throw failedPrecondition('it is exited')
      },
    },
    request,
    client.face,
  )
  assert.deepEqual(client.outcomes, [{ type: 'failed', message: 'it is exited' }])
})

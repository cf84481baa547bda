import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { makeFifo, openFifoForContainer } from '../../src/linux/fifo.ts'
import { assertCounted, printNumbers } from '../harness/counting.ts'
import { eventually } from '../harness/eventually.ts'

/** For a longer run by hand: how long the reader is killed again and again, at least, in seconds. */
const seconds = Number(process.env.BERTH_LOG_SECONDS ?? 0)
/** How often it is killed, at least. */
const kills = 12

/** A bundle on tmpfs with a writer at its pipes, in the place of a container. */
function container(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-output-'))
  const bundle = mkdtempSync('/dev/shm/berth-output-')
  for (const name of ['stdout', 'stderr']) makeFifo(join(bundle, name))
  const pipes = ['stdout', 'stderr'].map((name) => openFifoForContainer(join(bundle, name)))
  const stop = join(folder, 'stop')
  const writer = spawn('sh', ['-c', printNumbers(stop)], { stdio: ['ignore', ...pipes] })
  let reader: ChildProcess | undefined
  t.after(() => {
    writer.kill('SIGKILL')
    reader?.kill('SIGKILL')
    pipes.forEach(closeSync)
    for (const path of [folder, bundle]) rmSync(path, { recursive: true })
  })
  const log = join(folder, 'c.log')
  return {
    bundle,
    log,
    async read(): Promise<ChildProcess> {
      const program = join(import.meta.dirname, '../harness/read-output.ts')
      reader = spawn(process.execPath, [program, bundle, log], { stdio: ['ignore', 'pipe', 'inherit'] })
      assert.ok(reader.stdout)
      await once(reader.stdout, 'data')
      return reader
    },
    async endWriter(): Promise<void> {
      writeFileSync(stop, '')
      const [code] = await once(writer, 'exit')
      assert.equal(code, 3)
    },
  }
}

const timeout = (seconds + 120) * 1000

test('the reader of a container is killed while it reads, and its log renamed: every line once', {
  timeout,
}, async (t) => {
  const { bundle, log, read, endWriter } = container(t)
  const deadline = Date.now() + seconds * 1000
  let renamed = 0
  let round = 0
  for (; round < kills || Date.now() < deadline; round++) {
    const reader = await read()
    const ended = once(reader, 'exit')
    await delay(Math.random() * 100)
    // Sometimes the reader dies before it is asked for a new log, sometimes while it makes one, or after.
    if (round % 2 === 0 && existsSync(log)) {
      renameSync(log, `${log}.${String(renamed++).padStart(6, '0')}`)
      if (round % 4 === 0) reader.kill('SIGUSR2')
      await delay(Math.random() * 20)
    } else if (!existsSync(log)) {
      reader.kill('SIGUSR2')
      await eventually('there is a new log', () => existsSync(log) || undefined)
    }
    reader.kill('SIGKILL')
    await ended
  }
  const last = await read()
  last.kill('SIGUSR2')
  await endWriter()
  const ended = once(last, 'exit')
  last.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
  t.diagnostic(`${assertCounted(log)} lines; killed ${round} times, renamed ${renamed} times`)
  assert.deepEqual(readdirSync(bundle).toSorted(), ['stderr', 'stdout'])
})

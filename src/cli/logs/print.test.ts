import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { LogPrinter, type PrintOptions } from './print.ts'

const time = (second: number) => `2026-01-02T03:04:0${second}.000000001Z`
const lines = [
  `${time(1)} stdout F one`,
  `${time(2)} stdout P two `,
  `${time(3)} stderr F oops`,
  `${time(4)} stdout F halves`,
  'not a log line',
]

async function print(options: Partial<PrintOptions> = {}) {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const printer = new LogPrinter({ stdout, stderr, timestamps: false, ...options })
  for (const line of lines) await printer.print(Buffer.from(line))
  return { stdout: textOf(stdout), stderr: textOf(stderr) }
}

/** What a stream holds. From Node 26 on, `read` gives one chunk at a time. */
function textOf(stream: PassThrough): string {
  let text = ''
  for (let chunk: unknown = stream.read(); chunk !== null; chunk = stream.read()) text += String(chunk)
  return text
}

test('each stream has its lines, with their parts joined', async () => {
  assert.deepEqual(await print(), { stdout: 'one\ntwo halves\nnot a log line\n', stderr: 'oops\n' })
})

test('a joined line has one time', async () => {
  const { stdout } = await print({ timestamps: true })
  assert.equal(stdout, `${time(1)} one\n${time(2)} two halves\nnot a log line\n`)
})

test('older lines and the other stream are left out', async () => {
  const since = BigInt(Date.UTC(2026, 0, 2, 3, 4, 3)) * 1_000_000n
  assert.deepEqual(await print({ since }), { stdout: 'halves\nnot a log line\n', stderr: 'oops\n' })
  assert.equal((await print({ stream: 'stdout' })).stderr, '')
})

import assert from 'node:assert/strict'
import { appendFileSync, mkdtempDisposableSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { patiently } from '../../lib/testing/patiently.ts'
import { followLines } from './follow.ts'

function setUp() {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'berth-follow-'))
  const path = join(folder.path, '0.log')
  let over = false
  const options = {
    start: async () => 0,
    follow: true,
    isOver: async () => over,
    signal: new AbortController().signal,
  }
  const end = () => {
    over = true
  }
  return { path, options, end, [Symbol.dispose]: () => folder.remove() }
}

const text = (line: Buffer) => line.toString()

/** The lines that have come so far, and when there will be no more. */
function gather(lines: AsyncIterable<Buffer>) {
  const got: string[] = []
  const over = (async () => {
    for await (const line of lines) got.push(text(line))
  })()
  const all = (t: TestContext, count: number) =>
    t.waitFor(() => assert.ok(got.length >= count, `${got.length} of ${count} lines`), patiently)
  return { got, over, all }
}

test('without following, a file is read once to its end', async () => {
  using set = setUp()
  writeFileSync(set.path, 'a\nb\nhalf')
  const lines = followLines(set.path, { ...set.options, follow: false })
  assert.deepEqual(await Array.fromAsync(lines, text), ['a', 'b'])
})

test('no file, not followed: not found; followed: waited for', async () => {
  using set = setUp()
  await assert.rejects(Array.fromAsync(followLines(set.path, { ...set.options, follow: false })), { code: 'not-found' })
  const lines = Array.fromAsync(followLines(set.path, set.options), text)
  await sleep(150)
  writeFileSync(set.path, 'late\n')
  set.end()
  assert.deepEqual(await lines, ['late'])
})

test('no file and never one, because the writer ended', async () => {
  using set = setUp()
  set.end()
  assert.deepEqual(await Array.fromAsync(followLines(set.path, set.options)), [])
})

test('lines are followed through rotations, none lost, none twice', async (t) => {
  using set = setUp()
  writeFileSync(set.path, '')
  const lines = gather(followLines(set.path, set.options))
  const written: string[] = []
  const write = (path: string, count: number) => {
    for (let n = 0; n < count; n++) {
      const line = `line ${written.length}`
      written.push(line)
      appendFileSync(path, `${line}\n`)
    }
  }
  for (const rotation of [1, 2, 3]) {
    write(set.path, 50)
    await lines.all(t, written.length)
    const old = `${set.path}.${rotation}`
    renameSync(set.path, old)
    write(old, 10)
    writeFileSync(set.path, '')
    write(set.path, 20)
  }
  set.end()
  await lines.over
  assert.deepEqual(lines.got, written)
})

test('a line that is written in two goes comes in one', async () => {
  using set = setUp()
  writeFileSync(set.path, 'first ')
  const lines = Array.fromAsync(followLines(set.path, set.options), text)
  await sleep(150)
  appendFileSync(set.path, 'half\n')
  set.end()
  assert.deepEqual(await lines, ['first half'])
})

test('a file that was cut is read from its start', async (t) => {
  using set = setUp()
  writeFileSync(set.path, 'old content\n')
  const lines = gather(followLines(set.path, set.options))
  await lines.all(t, 1)
  writeFileSync(set.path, 'new\n')
  set.end()
  await lines.over
  assert.deepEqual(lines.got, ['old content', 'new'])
})

test('a signal ends it', async () => {
  using set = setUp()
  writeFileSync(set.path, 'a\n')
  const signal = AbortSignal.timeout(50)
  await assert.rejects(Array.fromAsync(followLines(set.path, { ...set.options, signal })), { name: 'AbortError' })
})

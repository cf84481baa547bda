import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { statusError } from '../client/testing/serve.ts'
import { AgentSetup, podManifest } from './testing/agent-setup.ts'

/** A pod that runs, and the log of its container. */
async function withLog(overrides: Parameters<typeof AgentSetup.start>[0] = {}) {
  const set = await AgentSetup.start(overrides)
  set.write('web.yaml', podManifest())
  await set.until('it runs', () => set.running().includes('main'))
  const log = join(set.runtime.sandboxes[0]?.config.logDirectory ?? '', 'main/0.log')
  mkdirSync(dirname(log), { recursive: true })
  writeFileSync(log, '')
  return { set, log, files: () => readdirSync(dirname(log)).toSorted() }
}

test('a log that is too long is put aside and opened anew; older ones are compressed, the oldest removed', async () => {
  const { set, log, files } = await withLog()
  await using _ = set
  const rotations = () => set.runtime.calls.filter((call) => call === 'ReopenContainerLog main').length
  for (const [index, letter] of ['a', 'b', 'c'].entries()) {
    // As the runtime writes on: to a new file of the old name.
    appendFileSync(log, letter.repeat(1001))
    await set.seen('it is rotated', () => {
      set.time.advance(1000)
      return rotations() === index + 1
    })
  }
  const [compressed = '', newest = '', ...others] = files()
  assert.match(`${compressed} ${newest}`, /^0\.log\.20260102-\d{6}\.gz 0\.log\.20260102-\d{6}$/)
  assert.deepEqual(others, [])
  assert.equal(String(gunzipSync(readFileSync(join(dirname(log), compressed)))), 'b'.repeat(1001))
  writeFileSync(log, 'short')
  set.time.advance(10_000)
  await set.settled()
  assert.equal(rotations(), 3)
})

test('a log that the runtime cannot open anew stays as it was', async () => {
  const { set, log, files } = await withLog({
    runtime: {
      reopenContainerLog: () => {
        throw statusError('UNKNOWN', 'no space')
      },
    },
  })
  await using _ = set
  writeFileSync(log, 'x'.repeat(1001))
  set.time.advance(10_000)
  await set.seen('it is told', () => set.notes.some((note) => note.endsWith('0.log cannot be rotated: no space')))
  assert.deepEqual(files(), ['0.log'])
})

test('a log that the runtime has opened anew is not replaced by the old one when its answer is lost', async () => {
  let path = ''
  const { set, log, files } = await withLog({
    runtime: {
      reopenContainerLog: () => {
        writeFileSync(path, 'new')
        throw statusError('UNAVAILABLE', 'the connection is gone')
      },
    },
  })
  await using _ = set
  path = log
  writeFileSync(log, 'x'.repeat(1001))
  set.time.advance(10_000)
  await set.seen('it is told', () => set.notes.some((note) => note.includes('cannot be rotated')))
  assert.equal(files().length, 2)
  assert.equal(readFileSync(log, 'utf8'), 'new')
})

test('a log that is missing is made again', async () => {
  const { set, log } = await withLog()
  await using _ = set
  rmSync(log)
  set.time.advance(10_000)
  await set.seen('it is opened', () => set.runtime.calls.includes('ReopenContainerLog main'))
})

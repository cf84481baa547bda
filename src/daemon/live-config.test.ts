import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Config, defaultConfig } from '../config/config.ts'
import { invalidArgument } from '../lib/errors.ts'
import { silentLogger } from '../lib/log.ts'
import { LiveConfig } from './live-config.ts'

/** A configuration whose file says what `file.next` is, or throws it. */
function liveConfig() {
  const first = defaultConfig()
  const file: { next: Config | Error } = { next: first }
  const read = () => {
    if (file.next instanceof Error) throw file.next
    return file.next
  }
  return { first, file, live: new LiveConfig(read, { first, file: () => '/etc/x.toml', log: silentLogger }) }
}

test('a reload is in force as a whole, and says what is not', async () => {
  const { first, file, live } = liveConfig()
  const seen: unknown[] = []
  live.follow(async (next) => () => void seen.push(next.log_level, live.current.log_level))
  file.next = { ...first, log_level: 'warn', root: '/other' }
  const { needsRestart, error } = await live.reload('a test')
  assert.deepEqual({ needsRestart, error }, { needsRestart: ['root'], error: undefined })
  assert.deepEqual(live.current, { ...first, log_level: 'warn' })
  assert.deepEqual(seen, ['warn', 'warn'])
})

test('a file that is wrong, or that one room cannot take, changes nothing in any room', async () => {
  const { first, file, live } = liveConfig()
  const enacted: string[] = []
  live.follow(() => () => void enacted.push('one'))
  let refusal: Error | undefined
  live.follow(async () => {
    if (refusal) throw refusal
    return () => void enacted.push('two')
  })
  file.next = invalidArgument('it is no TOML')
  await assert.rejects(live.reload('a test'), /it is no TOML/)
  assert.equal(live.reading.error, 'it is no TOML')
  file.next = { ...first, log_level: 'warn' }
  refusal = invalidArgument('no such certificate')
  await assert.rejects(live.reload('a test'), /no such certificate/)
  assert.equal(live.current, first)
  assert.deepEqual(enacted, [])
  refusal = undefined
  assert.equal((await live.reload('a test')).error, undefined)
  assert.deepEqual([live.current.log_level, ...enacted], ['warn', 'one', 'two'])
})

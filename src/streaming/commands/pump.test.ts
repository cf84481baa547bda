import assert from 'node:assert/strict'
import { PassThrough, Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pump } from './pump.ts'

/** A writer that takes one piece when told to. */
function slowWriter() {
  const pending: (() => void)[] = []
  const stream = new Writable({ highWaterMark: 1, write: (_, __, done) => void pending.push(done) })
  return { stream, take: () => pending.shift()?.(), pending }
}

test('everything is copied, and neither stream is closed', async () => {
  const to = new PassThrough()
  await new Pump(Readable.from([Buffer.from('a'), Buffer.from('b')]), to).done
  assert.equal(String(to.read()), 'ab')
  assert.ok(to.writable)
})

test('no faster than it is taken', async () => {
  const from = new PassThrough({ highWaterMark: 4 })
  const { stream, take, pending } = slowWriter()
  const pump = new Pump(from, stream)
  let accepted = 0
  while (from.write('xxxx')) accepted++
  await sleep(5)
  while (accepted < 20 && from.write('xxxx')) accepted++
  assert.ok(accepted < 10, `${accepted} pieces were taken in`)
  assert.equal(pending.length, 1)
  from.end()
  const taking = setInterval(take, 1)
  await pump.done
  clearInterval(taking)
})

test('it ends when either side breaks', async () => {
  const from = new PassThrough()
  const to = new PassThrough()
  const pump = new Pump(from, to)
  to.destroy(new Error('EPIPE'))
  await pump.done
  const broken = new PassThrough()
  const other = new Pump(broken, new PassThrough())
  broken.destroy(new Error('EIO'))
  await other.done
})

test('what has already ended is no reason to wait', async () => {
  const from = new PassThrough()
  from.destroy()
  await new Pump(from, new PassThrough()).done
})

test('endWhenQuiet waits for what still comes, and for who takes slowly', async () => {
  const from = new PassThrough()
  const { stream, take } = slowWriter()
  const pump = new Pump(from, stream)
  let done = false
  void pump.done.then(() => {
    done = true
  })
  pump.endWhenQuiet(20)
  from.write('late')
  await sleep(70)
  assert.equal(done, false, 'the writer has not taken it')
  take()
  await pump.done
})

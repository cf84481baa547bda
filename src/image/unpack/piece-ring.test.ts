import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { PieceRing } from './piece-ring.ts'

async function textOf(ring: PieceRing): Promise<string[]> {
  const pieces: string[] = []
  for (;;) {
    const piece = ring.now()
    if (piece) pieces.push(String(piece))
    else if (ring.ended) return pieces
    else await ring.change()
  }
}

test('pieces come in order, also more than there are rooms, and whoever is faster waits', {
  timeout: 20_000,
}, async () => {
  const user = new PieceRing()
  const maker = new PieceRing(user.shared)
  const sent = Array.from({ length: 100 }, (_, at) => `piece ${at}`)
  const making = (async () => {
    for (const text of sent) maker.give((await maker.room()).write(text))
    maker.end()
  })()
  assert.deepEqual(await textOf(user), sent)
  await making
})

test('the maker overwrites no piece before the next one is asked for', { timeout: 20_000 }, async () => {
  const user = new PieceRing()
  const maker = new PieceRing(user.shared)
  let made = 0
  const making = (async () => {
    for (; made < 20; made++) maker.give((await maker.room()).write(`piece ${made}`))
    maker.end()
  })()
  await new Promise(setImmediate)
  const first = user.now()
  await new Promise(setImmediate)
  assert.equal(made, 8, 'all rooms are taken')
  assert.equal(String(first), 'piece 0')
  assert.equal((await textOf(user)).at(-1), 'piece 19')
  await making
})

test('the other side may be another thread', { timeout: 20_000 }, async () => {
  const ring = new PieceRing()
  const code = `
    import { workerData } from 'node:worker_threads'
    const { PieceRing } = await import(${JSON.stringify(new URL('./piece-ring.ts', import.meta.url).href)})
    // What waits for a ring keeps no thread alive.
    const alive = setInterval(() => {}, 1000)
    const ring = new PieceRing(workerData)
    for (let at = 0; at < 50; at++) ring.give((await ring.room()).write('piece ' + at))
    ring.end()
    clearInterval(alive)
  `
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData: ring.shared })
  // Should it fail.
  worker.once('exit', () => ring.end())
  const pieces = await textOf(ring)
  assert.deepEqual(
    pieces,
    Array.from({ length: 50 }, (_, at) => `piece ${at}`),
  )
  await worker.terminate()
})

test('an end without pieces', () => {
  const ring = new PieceRing()
  assert.equal(ring.now(), undefined)
  assert.equal(ring.ended, false)
  ring.end()
  assert.equal(ring.ended, true)
  assert.equal(ring.failure, undefined)
})

test('why there is no more, as the first has said', () => {
  const ring = new PieceRing()
  const maker = new PieceRing(ring.shared)
  maker.end('the data is damaged: é')
  ring.end('the thread has ended')
  assert.equal(ring.ended, true)
  assert.equal(ring.failure, 'the data is damaged: é')
  const long = new PieceRing()
  long.end('x'.repeat(5000))
  assert.equal(long.failure, 'x'.repeat(1024))
})

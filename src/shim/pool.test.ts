import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { patiently } from '../lib/testing/patiently.ts'
import { silentLogger } from '../lib/log.ts'
import { Connection } from './connection.ts'
import { ShimPool } from './pool.ts'
import { protocolVersion } from './protocol.ts'
import { startShim } from './start.ts'

function poolIn(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-pool-'))
  const lost: string[] = []
  const listener = { onExit() {}, async onConnected() {}, onLost: (shim: string) => void lost.push(shim) }
  const pool = new ShimPool({ folder, entry: '/none', podsPerProcess: () => 1, log: silentLogger }, listener)
  t.after(() => {
    pool[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })
  return { folder, pool, lost }
}

/** Stands for a shim, in this process. */
async function fakeShim(t: TestContext, socket: string, version = protocolVersion) {
  const streams: Socket[] = []
  const connections: Connection[] = []
  const asked: string[] = []
  const server = createServer((stream) => {
    streams.push(stream)
    const onRequest = async (method: string) => {
      asked.push(method)
      return method === 'hello' ? { version, pid: process.pid } : null
    }
    connections.push(new Connection(stream, { onRequest, onEvent() {}, onClose() {} }))
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  const end = () => {
    server.close()
    for (const stream of streams) stream.destroy()
  }
  t.after(end)
  return { streams, asked, end }
}

test('the number of a shim that is ending is not given to another', async (t) => {
  const { folder, pool, lost } = poolIn(t)
  assert.equal(pool.assign('a'), '0')
  assert.equal(pool.assign('b'), '1')
  const shim = await fakeShim(t, join(folder, '1.sock'))
  await pool.get('1')
  pool.release('b', '1')
  await t.waitFor(() => assert.deepEqual(shim.asked, ['hello', 'shutdown']), patiently)
  assert.equal(pool.assign('c'), '2')
  shim.end()
  await t.waitFor(() => assert.equal(pool.assign('d'), '1'), patiently)
  assert.deepEqual(lost, [])
})

test('a shim without pods that is not there is not started to be ended', async (t) => {
  const { folder, pool } = poolIn(t)
  pool.restore('a', '1')
  pool.release('a', '1')
  await delay(50)
  assert.deepEqual(readdirSync(folder), [])
  pool.assign('b')
  assert.equal(pool.assign('c'), '1')
})

test('the death of a shim with pods is told once', async (t) => {
  const { folder, pool, lost } = poolIn(t)
  pool.assign('a')
  const shim = await fakeShim(t, join(folder, '0.sock'))
  const client = await pool.get('0')
  shim.end()
  await client.closed
  await delay(10)
  assert.deepEqual(lost, ['0'])
})

test('a shim that is newer than this berthd is refused, in words', async (t) => {
  const { folder, pool, lost } = poolIn(t)
  pool.assign('a')
  const shim = await fakeShim(t, join(folder, '0.sock'), protocolVersion + 1)
  await assert.rejects(pool.get('0'), { code: 'failed-precondition', message: /is of a newer Berth/ })
  await t.waitFor(
    () =>
      assert.deepEqual(
        shim.streams.map(({ destroyed }) => destroyed),
        [true],
      ),
    patiently,
  )
  assert.deepEqual(lost, [])
})

test('a shim that cannot be started leaves no descriptors open', async () => {
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  const request = { entry: '/none', socket: '/none/0.sock', log: '/none/0.log' }
  await assert.rejects(startShim(request), { code: 'ENOENT' })
  await delay(10)
  assert.equal(open(), before)
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { ownClock } from './testing/clock.ts'
import { exec, LogKeeper, openExec, portForward, startStreaming } from './testing/harness.ts'
import { askUpgrade, spdyHeaders } from '../mux/testing/spdy-client.ts'
import { TokenTable } from './tokens.ts'

const v4 = spdyHeaders('v4.channel.k8s.io')

test('the URLs are absolute, on loopback, and differ', async (t) => {
  const { server } = await startStreaming(t)
  const url = server.url(exec())
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/exec\/[\w-]{22}$/)
  assert.notEqual(server.url(exec()), url)
  assert.match(server.url({ ...exec(), type: 'attach' }), /\/attach\//)
  assert.match(server.url(portForward(80)), /\/portforward\//)
})

test('a URL is good once; a wrong, used or expired token is 404 and a log line', async (t) => {
  const clock = ownClock(t)
  const log = new LogKeeper()
  const { server } = await startStreaming(t, { tokenLifetimeMs: 300 }, log)
  const url = server.url(exec())
  assert.equal((await askUpgrade(url.replace('/exec/', '/attach/'), v4)).status, 404, 'for another purpose')
  assert.equal((await askUpgrade(`${url}x`, v4)).status, 404, 'wrong')
  assert.equal((await askUpgrade(`${url}/x`, v4)).status, 404, 'with more behind it')
  const { client } = await openExec(url, ['error', 'stdin', 'stdout'])
  assert.equal((await askUpgrade(url, v4)).status, 404, 'used')
  const late = server.url(exec())
  clock.pass(300)
  assert.equal((await askUpgrade(late, v4)).status, 404, 'expired')
  const lines = log.lines.filter((line) => /token/.test(line))
  assert.equal(lines.length, 4)
  client.transport.destroy()
})

test('what is no upgrade is told so, and does not use the URL up', async (t) => {
  const { server } = await startStreaming(t)
  const url = server.url(exec())
  const plain = await fetch(url)
  assert.equal(plain.status, 400)
  assert.match(await plain.text(), /Upgrade: SPDY\/3\.1 or websocket/)
  assert.equal((await fetch(url, { method: 'PUT' })).status, 405)
  assert.equal((await fetch(`${new URL(url).origin}/metrics`)).status, 404)
  assert.equal((await askUpgrade(url, { Connection: 'Upgrade', Upgrade: 'h2c' })).status, 400)
  const { status, head } = await askUpgrade(url, v4)
  assert.equal(status, 101)
  assert.match(head, /X-Stream-Protocol-Version: v4\.channel\.k8s\.io/)
})

test('versions are negotiated in the order of the client; none in common is 403 with what is accepted', async (t) => {
  const { server } = await startStreaming(t)
  const ask = (version: string) => askUpgrade(server.url(exec()), spdyHeaders(version), 'GET')
  assert.match((await ask('v9.channel.k8s.io, v3.channel.k8s.io,v4.channel.k8s.io')).head, /Version: v3\.channel/)
  assert.match((await ask('v5.channel.k8s.io')).head, /Version: v5\.channel/)
  const none = await ask('v9.channel.k8s.io')
  assert.equal(none.status, 403)
  assert.match(none.body, /client supports \[v9\.channel\.k8s\.io\], server accepts \[v5/)
  assert.match(none.head, /X-Accepted-Stream-Protocol-Versions: v4\.channel\.k8s\.io/)
  const missing = await askUpgrade(server.url(exec()), { Connection: 'Upgrade', Upgrade: 'SPDY/3.1' })
  assert.equal(missing.status, 400)
  const forward = await askUpgrade(server.url(portForward()), v4)
  assert.match(forward.head, /X-Accepted-Stream-Protocol-Versions: portforward\.k8s\.io/)
})

test('headers beyond the limit are 431', async (t) => {
  const { server } = await startStreaming(t)
  const { status } = await askUpgrade(server.url(exec()), { ...v4, 'X-Long': 'x'.repeat(20_000) })
  assert.equal(status, 431)
})

test('connections beyond the limit are refused', async (t) => {
  const log = new LogKeeper()
  const { server } = await startStreaming(t, { maxConnections: 1 }, log)
  const { client } = await openExec(server.url(exec()), ['error'])
  const { port } = new URL(server.url(exec()))
  const second = connect(Number(port), '127.0.0.1').on('error', () => {})
  await once(second, 'close')
  assert.deepEqual(log.lines, ['a streaming connection was refused: there are too many'])
  client.transport.destroy()
})

test('a client that is slow to open its streams is let go', async (t) => {
  const clock = ownClock(t)
  const { server, commands } = await startStreaming(t, { streamsTimeoutMs: 200 })
  const { client } = await openExec(server.url(exec()), ['error', 'stdout'])
  clock.pass(190)
  await client.ping(1)
  assert.equal(client.goaway, undefined)
  clock.pass(10)
  await client.until(() => client.goaway !== undefined, 'GOAWAY')
  assert.equal(commands.running, 0)
  // For as long as a client may take to hang up.
  clock.pass(1020)
  await client.until(() => client.closed, 'the connection is closed')
})

test('a session on which nothing happens is closed; pings of the client keep it', async (t) => {
  const clock = ownClock(t)
  const { server, commands } = await startStreaming(t, { limits: { idleTimeoutMs: 400, pingIntervalMs: 50 } })
  const { client } = await openExec(server.url(exec()), ['error', 'stdin', 'stdout'])
  for (let id = 1; id < 16; id += 2) {
    await client.ping(id)
    clock.pass(300)
  }
  await client.ping(17)
  assert.equal(client.goaway, undefined)
  assert.ok(
    client.frames.some(({ type, id }) => type === 6 && id % 2 === 0),
    'a ping of the server',
  )
  clock.pass(400)
  await client.until(() => client.goaway === 0, 'GOAWAY')
  assert.equal(commands.running, 0)
  client.transport.destroy()
})

test('closing the server says goodbye to its sessions', async (t) => {
  const { server, commands } = await startStreaming(t)
  let gone: AbortSignal | undefined
  commands.run = (session) => {
    gone = session.gone
    return new Promise((resolve) => session.gone.addEventListener('abort', () => resolve()))
  }
  const { client } = await openExec(server.url(exec()), ['error', 'stdin', 'stdout'])
  await server.close()
  await client.until(() => client.closed && client.goaway === 0, 'GOAWAY and the end')
  assert.ok(gone?.aborted)
  assert.throws(() => server.url(exec()), { code: 'unavailable' })
})

test('an address that is taken is said to be', async (t) => {
  const { server } = await startStreaming(t)
  const { port } = new URL(server.url(exec()))
  await assert.rejects(startStreaming(t, { port: Number(port) }), { code: 'unavailable', message: /EADDRINUSE/ })
})

test('tokens: so many at once, and room again when they have expired or were used', () => {
  let now = 0
  const tokens = new TokenTable(1000, 2, () => now)
  const first = tokens.add(exec())
  now = 500
  tokens.add(exec())
  assert.throws(() => tokens.add(exec()), { code: 'resource-exhausted' })
  assert.ok(tokens.take(first))
  now = 700
  const third = tokens.add(exec())
  now = 1500
  assert.ok(tokens.peek(third), 'its time is not up, as that of the second is')
  tokens.add(exec())
  now = 2500
  assert.equal(tokens.take(third), undefined)
})

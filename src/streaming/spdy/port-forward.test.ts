import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ForwardedConnection } from '../session.ts'
import { portForward, startStreaming } from '../testing/harness.ts'
import { SpdyClient } from '../../mux/testing/spdy-client.ts'

async function start(t: TestContext, streamsTimeoutMs = 5000) {
  const { server, commands } = await startStreaming(t, { streamsTimeoutMs })
  const client = await SpdyClient.connect(server.url(portForward()), 'portforward.k8s.io')
  const pair = async (port: number, requestid?: string) => {
    const headers = { port: String(port), ...(requestid ? { requestid } : {}) }
    const error = await client.open({ ...headers, streamtype: 'error' })
    // kubectl has nothing to say on the error stream.
    client.data(error, '', true)
    return { error, data: await client.open({ ...headers, streamtype: 'data' }) }
  }
  return { client, commands, pair }
}

test('connections side by side, each with its own data and its own end', async (t) => {
  const { client, pair } = await start(t)
  const [one, two] = [await pair(80, 'a'), await pair(81, 'b')]
  client.data(two.data, 'second')
  client.data(one.data, 'first', true)
  await client.until(() => client.ended.has(one.data) && client.ended.has(one.error), 'the end of the first')
  await client.until(() => client.text(two.data) === 'second', 'the data of the second')
  assert.equal(client.text(one.data), 'first')
  assert.equal(client.text(one.error), '')
  assert.ok(!client.ended.has(two.data) && !client.ended.has(two.error))
  client.data(two.data, '', true)
  await client.until(() => client.ended.has(two.error), 'the end of the second')
})

test('the streams of several requests may come mixed', async (t) => {
  const { client } = await start(t)
  const open = (streamtype: string, requestid: string) => client.open({ streamtype, requestid, port: '80' })
  const data = [await open('data', 'x'), await open('data', 'y')]
  await open('error', 'y')
  await open('error', 'x')
  for (const [i, id] of data.entries()) client.data(id, `${i}`, true)
  await client.until(() => data.every((id) => client.ended.has(id)), 'both')
  assert.deepEqual(
    data.map((id) => client.text(id)),
    ['0', '1'],
  )
})

test('clients too old to send a request id are understood by the ids of their streams', async (t) => {
  const { client, pair } = await start(t)
  const [one, two] = [await pair(80), await pair(80)]
  client.data(one.data, '1', true)
  client.data(two.data, '2', true)
  await client.until(() => client.ended.has(one.data) && client.ended.has(two.data), 'both')
  assert.equal(client.text(one.data) + client.text(two.data), '12')
})

test('a port that cannot be reached is told on the error stream; the connection stays', async (t) => {
  const { client, pair } = await start(t)
  const refused = await pair(1, 'a')
  await client.until(() => client.resets.has(refused.data), 'the reset')
  assert.equal(client.text(refused.error), 'connection refused')
  assert.ok(client.ended.has(refused.error))
  const good = await pair(80, 'b')
  client.data(good.data, 'x', true)
  await client.until(() => client.ended.has(good.data), 'another connection')
})

test('wrong headers are refused', async (t) => {
  const { client } = await start(t)
  for (const headers of [{}, { port: '80' }, { streamtype: 'data' }, { streamtype: 'shell', port: '80' }]) {
    assert.equal(client.resets.get(await client.open(headers as Record<string, string>)), 3, JSON.stringify(headers))
  }
  for (const port of ['0', '65536', 'http', '-1', '80 ', '']) {
    assert.equal(client.resets.get(await client.open({ streamtype: 'data', port })), 3, port)
  }
  await client.open({ streamtype: 'data', port: '80', requestid: 'a' })
  const again = await client.open({ streamtype: 'data', port: '80', requestid: 'a' })
  assert.equal(client.resets.get(again), 3, 'the data stream of a request twice')
})

test('half of a pair is not waited for without end', async (t) => {
  const { client } = await start(t, 150)
  const error = await client.open({ streamtype: 'error', port: '80', requestid: 'a' })
  const data = await client.open({ streamtype: 'data', port: '80', requestid: 'b' })
  await client.until(() => client.ended.has(error) && client.resets.has(data), 'both are dropped')
  assert.match(client.text(error), /timed out/)
})

test('a reset of the data stream is seen by the one connection; the end of the client by all', async (t) => {
  const { client, commands, pair } = await start(t)
  const connections: ForwardedConnection[] = []
  commands.forward = async (connection) => {
    connections.push(connection)
  }
  const one = await pair(80, 'a')
  await pair(81, 'b')
  client.rst(one.data)
  await client.until(() => client.ended.has(one.error), 'the end of the error stream')
  assert.deepEqual(
    connections.map(({ gone }) => gone.aborted),
    [true, false],
  )
  assert.deepEqual(
    connections.map(({ port }) => port),
    [80, 81],
  )
  client.transport.destroy()
  const second = connections[1]?.gone
  assert.ok(second)
  if (!second.aborted) await new Promise<void>((resolve) => second.addEventListener('abort', () => resolve()))
})

test('the pod may end its half first, and still read', async (t) => {
  const { client, commands, pair } = await start(t)
  const got: string[] = []
  commands.forward = async (connection) => {
    connection.output.end('bye')
    for await (const chunk of connection.input) got.push(String(chunk))
  }
  const { data } = await pair(80, 'a')
  await client.until(() => client.ended.has(data), 'the half of the pod')
  client.data(data, 'still here', true)
  const after = await pair(80, 'b')
  await client.until(() => client.ended.has(after.data), 'another')
  assert.deepEqual(got, ['still here'])
})

test('a thousand connections one after the other leave nothing behind', async (t) => {
  const { client, pair } = await start(t)
  for (let i = 0; i < 1000; i++) {
    const { data } = await pair(80, `${i}`)
    client.data(data, `${i}`, true)
  }
  await client.until(() => client.ended.size === 2000, 'all of them')
})

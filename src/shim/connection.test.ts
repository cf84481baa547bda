import assert from 'node:assert/strict'
import { type Duplex, duplexPair } from 'node:stream'
import { test } from 'node:test'
import { notFound } from '../lib/errors.ts'
import { Connection, type ConnectionHandlers } from './connection.ts'

const deaf: ConnectionHandlers = {
  onRequest: async () => assert.fail('no request was expected'),
  onEvent: () => assert.fail('no event was expected'),
  onClose: () => {},
}

function pair(server: Partial<ConnectionHandlers>, client: Partial<ConnectionHandlers> = {}) {
  const [a, b] = duplexPair() as [Duplex, Duplex]
  return { client: new Connection(a, { ...deaf, ...client }), server: new Connection(b, { ...deaf, ...server }) }
}

test('a request gets its answer, side by side with others', async () => {
  const { client } = pair({ onRequest: async (method, params) => ({ method, params }) })
  const answers = await Promise.all([client.request('a', 1), client.request('b', { deep: ['x\ny'] })])
  assert.deepEqual(answers, [
    { method: 'a', params: 1 },
    { method: 'b', params: { deep: ['x\ny'] } },
  ])
})

test('an error keeps its code and message', async () => {
  const { client } = pair({
    onRequest: async () => {
      throw notFound('container', 'x')
    },
  })
  await assert.rejects(client.request('a', null), { code: 'not-found', message: 'container "x" not found' })
})

test('an event arrives', async () => {
  const seen = Promise.withResolvers<unknown>()
  const { server } = pair({}, { onEvent: (event, params) => seen.resolve([event, params]) })
  server.event('exit', { id: 'x' })
  assert.deepEqual(await seen.promise, ['exit', { id: 'x' }])
})

test('a request that is given up is cancelled at the other end', async () => {
  const cancelled = Promise.withResolvers<void>()
  const { client } = pair({
    onRequest: (_, __, signal) =>
      new Promise(() => signal.addEventListener('abort', () => cancelled.resolve(), { once: true })),
  })
  const abort = new AbortController()
  const answer = client.request('slow', null, abort.signal)
  abort.abort()
  await assert.rejects(answer, { code: 'cancelled' })
  await cancelled.promise
})

test('when the connection closes, waiting requests fail and later ones are refused', async () => {
  const { client, server } = pair({ onRequest: () => new Promise(() => {}) })
  const answer = client.request('slow', null)
  server[Symbol.dispose]()
  client[Symbol.dispose]()
  await assert.rejects(answer, { code: 'unavailable' })
  await assert.rejects(client.request('late', null), { code: 'unavailable' })
})

test('what is not JSON ends the connection', async () => {
  const closed = Promise.withResolvers<void>()
  const [a, b] = duplexPair() as [Duplex, Duplex]
  using _server = new Connection(b, { ...deaf, onClose: () => closed.resolve() })
  a.write('{"request":\n')
  await closed.promise
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { MetricsPort } from './metrics-port.ts'

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function get(port: number, path = '/metrics', host = '127.0.0.1') {
  const sent = request({ port, path, host: '127.0.0.1', headers: { host }, agent: false }).end()
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode as number
}

test('the port comes, becomes another and goes; a taken one is refused', async () => {
  using metrics = new MetricsPort((response) => void response.end('a 1\n'))
  const [first, second] = [await freePort(), await freePort()]
  const enact = await metrics.prepare(first)
  enact()
  assert.equal(await get(first), 200)
  assert.equal(await get(first, '/v1/check'), 404)
  assert.equal(await get(first, '/metrics', 'evil.example'), 404)
  assert.equal(await get(first, '/metrics', `localhost:${first}`), 200)

  const taken = createServer().listen(second, '127.0.0.1')
  await once(taken, 'listening')
  await assert.rejects(metrics.prepare(second), {
    code: 'unavailable',
    message: /metrics\.port: .* port \d+: .*EADDRINUSE/,
  })
  assert.equal(await get(first), 200)
  taken.close()
  const move = await metrics.prepare(second)
  move()
  assert.equal(await get(second), 200)
  await assert.rejects(get(first), { code: 'ECONNREFUSED' })
  const end = await metrics.prepare(0)
  end()
  await assert.rejects(get(second), { code: 'ECONNREFUSED' })
})

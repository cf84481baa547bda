import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { discoverEndpoint } from './discover.ts'

test('the environment goes before the file of crictl, and that before the sockets that are served', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-discover-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [dead, served] = [join(folder, 'dead.sock'), join(folder, 'served.sock')]
  writeFileSync(dead, '')
  const server = createServer().listen(served)
  t.after(() => server.close())
  await once(server, 'listening')
  const configFile = join(folder, 'crictl.yaml')
  writeFileSync(configFile, 'image-endpoint: unix:///b.sock\nruntime-endpoint: "unix:///a.sock" # mine\n')
  const endpoints = [`unix://${dead}`, `unix://${served}`]
  const env = { CONTAINER_RUNTIME_ENDPOINT: 'unix:///env.sock' }
  assert.equal(await discoverEndpoint({ env, configFile, endpoints }), 'unix:///env.sock')
  assert.equal(await discoverEndpoint({ env: {}, configFile, endpoints }), 'unix:///a.sock')
  assert.equal(await discoverEndpoint({ env: { CRI_CONFIG_FILE: configFile }, endpoints }), 'unix:///a.sock')
  const without = { env: {}, configFile: join(folder, 'none.yaml') }
  assert.equal(await discoverEndpoint({ ...without, endpoints }), `unix://${served}`)
  await assert.rejects(discoverEndpoint({ ...without, endpoints: endpoints.slice(0, 1) }), {
    name: 'CriError',
    codeName: 'UNAVAILABLE',
    message: /nobody listens on .*dead\.sock/,
  })
})

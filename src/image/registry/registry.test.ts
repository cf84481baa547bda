import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { cpuTimeMs } from '../testing/cpu-time.ts'
import { parseChallenges } from './challenge.ts'
import { credentialsFor } from './credentials.ts'
import { HostsTomlFolders, parseHostsToml } from './hosts-toml.ts'
import { isLoopback } from '../../lib/loopback.ts'
import { redirectTarget } from './redirects.ts'
import { originHost } from './registry-hosts.ts'
import { BusyError, delayBefore, parseRetryAfter } from './retry.ts'
import { TokenCache } from './token-cache.ts'

test('challenges', () => {
  const read = (header: string) =>
    parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])
  assert.deepEqual(read('Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push"'), [
    ['bearer', { realm: 'https://a/t', service: 's', scope: 'repository:a/b:pull,push' }],
  ])
  assert.deepEqual(read('Basic realm="a \\"b\\"", Bearer  realm=x'), [
    ['basic', { realm: 'a "b"' }],
    ['bearer', { realm: 'x' }],
  ])
  assert.deepEqual(read('Negotiate, Basic'), [
    ['negotiate', {}],
    ['basic', {}],
  ])
  assert.deepEqual(read(''), [])
  assert.deepEqual(read('realm="x"'), [])
  assert.deepEqual(read('Bearer realm="open'), [['bearer', {}]])
  assert.deepEqual(read('\u0000\u0001'), [])
  const taken = cpuTimeMs(() => {
    for (const piece of ['a=', 'a="\\', ', ', '"', 'Bearer ', '\\"'])
      parseChallenges(`Bearer realm="${piece.repeat(8000)}`)
  })
  assert.ok(taken < 500, `${taken} ms`)
})

test('credentials go to the registry that they are for', () => {
  const password = { kind: 'password', username: 'u', password: 'p' }
  assert.deepEqual(credentialsFor('r.io', { username: 'u', password: 'p' }), password)
  assert.deepEqual(credentialsFor('r.io', { auth: 'dTpwAA==' }), password)
  assert.deepEqual(
    credentialsFor('docker.io', { username: 'u', password: 'p', serverAddress: 'https://index.docker.io/v1/' }),
    password,
  )
  assert.deepEqual(credentialsFor('r.io:5000', { username: 'u', password: 'p', serverAddress: 'r.io:5000' }), password)
  assert.deepEqual(credentialsFor('r.io', { username: 'u', password: 'p', serverAddress: 'r.io.evil.io' }), {
    kind: 'anonymous',
  })
  assert.deepEqual(credentialsFor('r.io:5000', { username: 'u', serverAddress: 'r.io' }), { kind: 'anonymous' })
  assert.deepEqual(credentialsFor('r.io', { identityToken: 't' }), { kind: 'refresh-token', token: 't' })
  assert.deepEqual(credentialsFor('r.io', { registryToken: 't' }), { kind: 'bearer', token: 't' })
  assert.deepEqual(credentialsFor('r.io', { username: '', auth: '' }), { kind: 'anonymous' })
  assert.deepEqual(credentialsFor('r.io', undefined), { kind: 'anonymous' })
  assert.throws(() => credentialsFor('r.io', { auth: 'bm9jb2xvbg==' }), /damaged/)
})

test('what counts as this machine', () => {
  for (const host of ['localhost', 'localhost:5000', '127.0.0.1', '127.8.9.1:80', '[::1]:5000', '[::1]'])
    assert.ok(isLoopback(host), host)
  for (const host of [
    '127.0.0.1.evil.io',
    'localhost.evil.io',
    '128.0.0.1',
    '[::2]:1',
    '10.0.0.1',
    '127.1',
    '0.0.0.0',
  ]) {
    assert.ok(!isLoopback(host), host)
  }
})

test('plain HTTP only on this machine and where configured', () => {
  assert.equal(originHost('docker.io', []).baseUrl, 'https://registry-1.docker.io/v2')
  assert.equal(originHost('r.io:5000', []).baseUrl, 'https://r.io:5000/v2')
  assert.equal(originHost('r.io:5000', ['r.io:5000']).baseUrl, 'http://r.io:5000/v2')
  assert.equal(originHost('[::1]:5000', []).baseUrl, 'http://[::1]:5000/v2')
})

test('hosts.toml as containerd has it', async () => {
  const origin = originHost('docker.io', [])
  const readPem = async (path: string) => `pem of ${path}`
  const read = (text: string, registry = 'docker.io') =>
    parseHostsToml(text, registry, originHost(registry, []), readPem)
  assert.deepEqual(await read(''), [origin])
  const hosts = await read(`
    server = "https://docker.io"
    [host."https://mirror.example:8443/prefix"]
      capabilities = ["pull"]
      ca = ["/a.crt", "b.crt"]
      client = [["c.cert", "c.key"], ["d.pem", ""]]
      [host."https://mirror.example:8443/prefix".header]
        x-custom = ["1", "2"]
    [host."http://10.0.0.1:5000"]
      skip_verify = true
    [host."https://harbor.example/v2/proxy"]
      override_path = true
  `)
  assert.deepEqual(
    hosts.map(({ baseUrl, resolves, mirror }) => [baseUrl, resolves, mirror]),
    [
      ['https://mirror.example:8443/prefix/v2', false, true],
      ['http://10.0.0.1:5000/v2', true, true],
      ['https://harbor.example/v2/proxy', true, true],
      ['https://registry-1.docker.io/v2', true, false],
    ],
  )
  assert.deepEqual(hosts[0]?.tls, {
    ca: ['pem of /a.crt', 'pem of b.crt'],
    clients: [
      { cert: 'pem of c.cert', key: 'pem of c.key' },
      { cert: 'pem of d.pem', key: 'pem of d.pem' },
    ],
  })
  assert.deepEqual(hosts[0]?.headers, { 'x-custom': '1, 2' })
  assert.deepEqual(hosts[1]?.tls, { skipVerify: true })
  const [other] = await read('server = "http://127.0.0.1:9"', 'r.io')
  assert.deepEqual([other?.baseUrl, other?.mirror], ['http://127.0.0.1:9/v2', true])
  const own = await read('ca = "x"', 'r.io')
  assert.deepEqual([own[0]?.baseUrl, own[0]?.tls], ['https://r.io/v2', { ca: ['pem of x'] }])
  for (const bad of [
    'x',
    'server = 5',
    'host = 3',
    '[host."::"]',
    '[host."https://u:p@h"]',
    '[host."https://h"]\nca = 1',
  ]) {
    await assert.rejects(read(bad), Error, bad)
  }
})

test('redirects', () => {
  const https = new URL('https://r.io/v2/a')
  const http = new URL('http://127.0.0.1:5000/v2/a')
  assert.equal(redirectTarget(200, 'https://x', https, []), undefined)
  assert.equal(redirectTarget(307, 'https://cdn.io/b?sig=1', https, [])?.href, 'https://cdn.io/b?sig=1')
  assert.equal(redirectTarget(302, '/other', https, [])?.href, 'https://r.io/other')
  assert.equal(redirectTarget(302, '/other', http, [])?.href, 'http://127.0.0.1:5000/other')
  assert.equal(redirectTarget(302, 'http://minio:9000/x', http, ['minio:9000'])?.host, 'minio:9000')
  for (const target of [
    'http://r.io/',
    'http://127.0.0.1/',
    'http://minio:9000/',
    'ftp://r.io/',
    'file:///etc/passwd',
    'http://',
  ]) {
    assert.throws(() => redirectTarget(302, target, https, ['minio:9000']), /redirects to/, target)
  }
  assert.throws(() => redirectTarget(302, 'http://10.0.0.1/', http, []), /not safe/)
  assert.throws(() => redirectTarget(302, undefined, http, []), /nowhere/)
})

test('waits grow, listen to Retry-After, and have an end', () => {
  const policy = { attempts: 5, firstDelayMs: 100, maxDelayMs: 1000 }
  const middle = () => 0.5
  assert.deepEqual(
    [2, 3, 4, 9].map((next) => delayBefore(next, undefined, policy, middle)),
    [100, 200, 400, 1000],
  )
  assert.equal(delayBefore(2, new BusyError(429, '0.5', ''), policy, middle), 100)
  assert.equal(delayBefore(2, new BusyError(429, '3600', ''), policy, middle), 1000)
  assert.equal(parseRetryAfter('2'), 2000)
  assert.equal(parseRetryAfter('Wed, 21 Oct 2015 07:28:00 GMT', Date.UTC(2015, 9, 21, 7, 27, 0)), 60_000)
  assert.equal(parseRetryAfter('Wed, 21 Oct 2015 07:28:00 GMT'), 0)
  assert.equal(parseRetryAfter('soon'), undefined)
})

test('a folder with certificates and no hosts.toml, as docker has it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-certs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const hosts = () => new HostsTomlFolders([folder], []).hostsOf('registry.example:5000')
  mkdirSync(join(folder, 'registry.example:5000'))
  const put = (name: string) => writeFileSync(join(folder, 'registry.example:5000', name), name)
  assert.deepEqual((await hosts())[0]?.tls, {})
  put('ca.crt')
  put('client.cert')
  await assert.rejects(hosts(), /each .cert needs its .key/)
  put('client.key')
  const [host] = await hosts()
  assert.deepEqual(host?.tls, { ca: ['ca.crt'], clients: [{ cert: 'client.cert', key: 'client.key' }] })
  assert.equal(host?.baseUrl, 'https://registry.example:5000/v2')
})

test('tokens are kept for as long as they are good', () => {
  let now = 0
  const tokens = new TokenCache(() => now)
  tokens.put('a', 't', 60)
  assert.equal(tokens.get('a'), 't')
  assert.equal(tokens.get('b'), undefined)
  now = 55_000
  assert.equal(tokens.get('a'), undefined)
})

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, type TestContext, test } from 'node:test'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { Exec, KubeConfig, type V1Status } from '@kubernetes/client-node'
import { startApiServer } from '../harness/api-server.ts'
import { tryBerth } from '../harness/cli.ts'
import { streamingPod } from '../harness/streaming-pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'
import { renewedCertificate, testCertificate } from '../registry/test-certificate.ts'

/** The streaming server with a certificate, and with one that its clients must show. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 180_000 }
const run = promisify(execFile)

/** Signed by itself, it serves as certificate of the server, of the client, and of who signs both. */
async function setUp(t: TestContext, { clientCa }: { readonly clientCa: boolean }) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-tls-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
  writeFileSync(cert, testCertificate.cert)
  writeFileSync(key, testCertificate.key)
  const streaming = { tls_cert: cert, tls_key: key, ...(clientCa && { tls_client_ca: cert }) }
  const set = await streamingPod(t, 'sleep 1000', { mirrors: { 'docker.io': registry.host }, config: { streaming } })
  return { ...set, cert, key }
}

/** Of the certificate that a server shows. */
async function subjectAt({ hostname, port }: URL): Promise<string | undefined> {
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return subject.CN as string
}

/** Whether crictl of cri-tools is on this machine. */
async function hasCrictl(): Promise<boolean> {
  return run('crictl', ['--version']).then(
    () => true,
    () => false,
  )
}

test('https URLs are served to berth, through a proxy, and to crictl', options, async (t) => {
  await using set = await setUp(t, { clientCa: false })
  const { url } = await set.client.runtime.exec({ containerId: set.container, cmd: ['true'], stdout: true })
  assert.match(url, /^https:\/\/127\.0\.0\.1:/)
  const { endpoint } = set.berthd
  const exec = (...args: string[]) => tryBerth(endpoint, ['exec', ...args, set.container, 'echo', 'over TLS'])
  assert.deepEqual(await exec(), { exitCode: 0, stdout: 'over TLS\n', stderr: '' })
  assert.deepEqual(await exec('--tls-ca', set.cert), { exitCode: 0, stdout: 'over TLS\n', stderr: '' })

  // A renewed certificate is served after a reload, and not before both of its files are there.
  const shownNow = () => subjectAt(new URL(url))
  const reload = () => tryBerth(endpoint, ['config', 'reload'])
  assert.equal(await shownNow(), 'berth test registry')
  writeFileSync(set.cert, renewedCertificate.cert)
  const refused = await reload()
  assert.match(`${refused.exitCode} ${refused.stderr}`, /^1 .*tls_key .*cannot be used: .*they must be PEM/)
  assert.equal(await shownNow(), 'berth test registry')
  writeFileSync(set.key, renewedCertificate.key)
  assert.equal((await reload()).exitCode, 0)
  assert.equal(await shownNow(), 'berth renewed')
  assert.deepEqual(await exec('--tls-ca', set.cert), { exitCode: 0, stdout: 'over TLS\n', stderr: '' })

  const config = new KubeConfig()
  config.loadFromClusterAndUser({ name: 'c', server: await startApiServer(t, set), skipTLSVerify: true }, { name: 'u' })
  const stdout = new PassThrough()
  const shown = text(stdout)
  const status = Promise.withResolvers<V1Status>()
  const command = ['echo', 'through a proxy']
  await new Exec(config).exec('default', 'p', 'c', command, stdout, null, null, false, status.resolve)
  assert.equal((await status.promise).status, 'Success')
  assert.equal(await shown, 'through a proxy\n')

  if (!(await hasCrictl())) return t.diagnostic('not tried with crictl, which is not on this machine')
  for (const transport of ['spdy', 'websocket']) {
    const { stdout } = await run('crictl', [
      ...['--runtime-endpoint', endpoint, 'exec', '--transport', transport, '--tls-ca', set.cert],
      ...['--tls-cert', set.cert, '--tls-key', set.key, '--tls-server-name', 'localhost'],
      ...[set.container, 'echo', transport],
    ])
    assert.equal(stdout, `${transport}\n`)
  }
})

test('with a client CA, clients without its certificate are refused and told in the log', options, async (t) => {
  await using set = await setUp(t, { clientCa: true })
  const { endpoint } = set.berthd
  const exec = (...args: string[]) => tryBerth(endpoint, ['exec', ...args, set.container, 'echo', 'known'])
  const stranger = await exec()
  assert.equal(stranger.exitCode, 1)
  assert.match(stranger.stderr, /cannot stream from the runtime/)
  assert.match(set.berthd.log(), /a streaming client was refused/)
  assert.equal((await exec('--tls-cert', set.cert, '--tls-key', set.key)).stdout, 'known\n')
})

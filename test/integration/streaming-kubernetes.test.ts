import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { after, before, type TestContext, test } from 'node:test'
import { Attach, Cp, Exec, KubeConfig, PortForward, type V1Status } from '@kubernetes/client-node'
import { startApiServer } from '../harness/api-server.ts'
import { eventually } from '../harness/eventually.ts'
import { streamingPod } from '../harness/streaming-pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** The client of the Kubernetes project for Node, through a stand-in of the API server and the kubelet, over WebSocket. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 180_000 }

async function setUp(t: TestContext, script = 'sleep 1000', stdin = false) {
  const set = await streamingPod(t, script, { mirrors: { 'docker.io': registry.host }, change: { stdin } })
  const config = new KubeConfig()
  config.loadFromClusterAndUser(
    { name: 'stand-in', server: await startApiServer(t, set), skipTLSVerify: true },
    { name: 'somebody' },
  )
  return { ...set, config }
}

/** Runs a command to its end. */
async function run(config: KubeConfig, command: string[], input: Readable | null, tty = false) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const texts = [buffer(stdout), text(stderr)] as const
  const status = Promise.withResolvers<V1Status>()
  const streams = [stdout, tty ? null : stderr, input] as const
  await new Exec(config).exec('default', 'pod', 'main', command, ...streams, tty, status.resolve)
  const outcome = await status.promise
  if (tty) stderr.end()
  return { outcome, stdout: await texts[0], stderr: await texts[1] }
}

test('Exec: both outputs, the end of the input, the status; much data both ways', options, async (t) => {
  await using set = await setUp(t)
  const failing = await run(set.config, ['sh', '-c', 'echo out; echo err >&2; exit 3'], null)
  assert.deepEqual([String(failing.stdout), failing.stderr], ['out\n', 'err\n'])
  assert.equal(failing.outcome.details?.causes?.[0]?.message, '3')

  const much = randomBytes(5_000_000)
  const pieces = Array.from({ length: 50 }, (_, i) => much.subarray(i * 100_000, (i + 1) * 100_000))
  const echo = await run(set.config, ['cat'], Readable.from(pieces))
  assert.equal(echo.outcome.status, 'Success')
  assert.equal(createHash('sha256').update(echo.stdout).digest('hex'), createHash('sha256').update(much).digest('hex'))

  const typed = await run(set.config, ['sh', '-c', 'read line; echo "got $line"'], Readable.from(['a line\n']), true)
  assert.match(String(typed.stdout), /got a line\r\n$/)

  const missing = await run(set.config, ['no-such-program'], null)
  assert.match(missing.outcome.message ?? '', /no-such-program/)
})

test('Attach: what the container writes, and its stdin', options, async (t) => {
  await using set = await setUp(t, 'while read line; do echo "got $line"; done', true)
  const [stdout, stdin] = [new PassThrough(), new PassThrough()]
  let shown = ''
  stdout.on('data', (chunk) => {
    shown += chunk
  })
  const socket = await new Attach(set.config).attach('default', 'pod', 'main', stdout, null, stdin, false)
  stdin.write('a line\n')
  await eventually('the answer', () => shown === 'got a line\n' || undefined)
  socket.close()
  assert.deepEqual(await set.client.logLines(set.container), ['got a line'])
})

test('PortForward: a request and its answer; a port that refuses', options, async (t) => {
  await using set = await setUp(t, 'nc -ll -p 8080 -e cat & sleep 1000')
  const listening = ['sh', '-c', 'netstat -lnt | grep -q :8080']
  await eventually('nc listens', async () => {
    const { exitCode } = await set.client.runtime.execSync({ containerId: set.container, cmd: listening })
    return exitCode === 0 || undefined
  })
  const forward = async (port: number) => {
    const [output, errors, input] = [new PassThrough(), new PassThrough(), new PassThrough()]
    const shown = { output: '', errors: '' }
    output.on('data', (chunk) => {
      shown.output += chunk
    })
    errors.on('data', (chunk) => {
      shown.errors += chunk
    })
    const socket = await new PortForward(set.config).portForward('default', 'pod', [port], output, errors, input)
    if (typeof socket === 'function') throw new Error('a socket was expected')
    return { input, shown, socket }
  }
  const echo = await forward(8080)
  echo.input.write('there and back')
  await eventually('the echo', () => echo.shown.output === 'there and back' || undefined)
  echo.socket.close()
  const refused = await forward(81)
  await eventually('the error', () => refused.shown.errors.includes('ECONNREFUSED') || undefined)
  refused.socket.close()
})

test('Cp: a folder into the container and back', options, async (t) => {
  await using set = await setUp(t)
  const folder = mkdtempSync(join(tmpdir(), 'berth-cp-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const content = randomBytes(300_000)
  mkdirSync(join(folder, 'there/inner'), { recursive: true })
  writeFileSync(join(folder, 'there/inner/file'), content)
  const cp = new Cp(set.config)
  await cp.cpToPod('default', 'pod', 'main', join(folder, 'there'), '/tmp')
  const sum = createHash('sha256').update(content).digest('hex')
  const cmd = ['sha256sum', '/tmp/inner/file']
  // Cp does not tell when it is done.
  await eventually('the file is in the container', async () => {
    const { stdout } = await set.client.runtime.execSync({ containerId: set.container, cmd })
    return String(stdout).startsWith(sum) || undefined
  })
  await cp.cpFromPod('default', 'pod', 'main', 'inner', join(folder, 'back'), '/tmp')
  await eventually('the file is back', () => {
    try {
      return readFileSync(join(folder, 'back/inner/file')).equals(content) || undefined
    } catch {
      return undefined
    }
  })
})

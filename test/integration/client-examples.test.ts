import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempDisposableSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { attach, connect, containerLogs, exec, portForward } from '../../src/client/index.ts'
import { repository } from '../harness/berthd.ts'
import { conformance } from '../harness/conformance.ts'
import { PodClient, type Served } from '../harness/pod.ts'

const examples = join(repository, 'examples/client')

test('berth/client, built: its types, and its examples on a private berthd', { timeout: 200_000 }, async (t) => {
  const built = spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: repository, encoding: 'utf8' })
  assert.equal(built.status, 0, built.stderr)

  await t.test('the tree of types has the client and the generated messages alone', () => {
    const types = join(repository, 'dist/types')
    assert.deepEqual(readdirSync(types).sort(), ['client', 'gen'])
    assert.deepEqual(readdirSync(join(types, 'gen')), ['cri_pb.d.ts'])
    for (const file of globSync('client/**/*.d.ts', { cwd: types })) {
      const foreign = [...readFileSync(join(types, file), 'utf8').matchAll(/from ['"]([^'"]+)['"]/g)]
        .map(([, from]) => from as string)
        .filter((from) => /\/(lib|mux|linux|cli)\/|koffi|pino/.test(from))
      assert.deepEqual(foreign, [], file)
    }
  })

  await t.test('the examples fit the types', () => {
    const options = '--noEmit --strict --target es2024 --module nodenext --lib es2024,esnext.disposable --types node'
    const tsc = ['node_modules/typescript/bin/tsc', '--ignoreConfig', ...options.split(' ')]
    const files = globSync(`${examples}/*.ts`)
    const result = spawnSync(process.execPath, [...tsc, ...files], { cwd: repository, encoding: 'utf8' })
    assert.equal(result.status, 0, result.stdout + result.stderr)
  })

  const place = await conformance(t)
  await place.part('examples and streams', () => tryAll(place.berthd, place.client))
})

/** The endpoint of another runtime, which can pull docker.io/library/busybox:latest. */
const other = process.env.BERTH_TESTS_CRI_ENDPOINT

test('berth/client: its examples on another runtime', {
  timeout: 100_000,
  skip: !other && 'BERTH_TESTS_CRI_ENDPOINT names no other runtime',
}, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-client-'))
  const served = { endpoint: other ?? '', place: { folder: folder.path } }
  using client = new PodClient(served)
  await client.pull()
  const { items: before } = await client.runtime.listPodSandbox({})
  try {
    await tryAll(served, client)
  } finally {
    const { items } = await client.runtime.listPodSandbox({})
    const own = items.filter(({ id }) => !before.some((sandbox) => sandbox.id === id))
    for (const { id } of own) await client.removeSandbox(id)
  }
})

async function tryAll(berthd: Served, client: PodClient): Promise<void> {
  const run = async (name: string, args: readonly string[], input = '') => {
    const child = spawn(process.execPath, [join(examples, `${name}.ts`), ...args], {
      env: { ...process.env, CONTAINER_RUNTIME_ENDPOINT: berthd.endpoint },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: 30_000,
    })
    child.stdin.end(input)
    const [said, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    return { said, errors, exitCode: child.exitCode }
  }
  const config = client.sandboxConfig('library')
  const sandbox = await client.runSandbox(config)
  const script = 'echo hello; httpd -p 8080 -h /etc; read line; echo "got $line"'
  const containerConfig = client.containerConfig('main', script, { stdin: true })
  const { containerId: id } = await client.runtime.createContainer({
    podSandboxId: sandbox,
    config: containerConfig,
    sandboxConfig: config,
  })
  await client.runtime.startContainer({ containerId: id })
  using cri = connect(berthd.endpoint)

  assert.match((await run('pods', [])).said, /^\S+ .*\n[\s\S]*: SANDBOX_READY\n {2}\S+: CONTAINER_RUNNING\n/)
  assert.deepEqual(await run('exec', [id, 'sh', '-c', 'cat; exit 3'], 'in\n'), {
    said: 'in\n',
    errors: '',
    exitCode: 3,
  })
  const missing = await run('exec', ['no-such-container', 'true'])
  assert.match(missing.errors, /^NOT_FOUND: .*no-such-container/)
  const page = await run('port-forward', [sandbox, '8080'])
  assert.match(page.said, /^HTTP\/1\.\d 404/)
  assert.equal(page.exitCode, 0, 'it ends by itself')
  assert.equal((await run('events', ['1'])).exitCode, 0)

  const closed = await portForward(cri, { podSandboxId: sandbox, port: 9 })
  await assert.rejects(text(closed), { name: 'CriError', codeName: 'UNAVAILABLE', method: 'PortForward' })
  const controller = new AbortController()
  using sleeping = await exec(cri, { containerId: id, cmd: ['sleep', '60'] }, { signal: controller.signal })
  controller.abort('enough')
  await assert.rejects(sleeping.exitCode, { codeName: 'CANCELLED', cause: 'enough' })
  await assert.rejects(exec(cri, { containerId: 'none', cmd: ['true'] }), { codeName: 'NOT_FOUND', method: 'Exec' })

  const following = run('logs', [id])
  using attached = await attach(cri, { containerId: id, stdin: true })
  attached.stdin?.write('this\n')
  const { said, exitCode } = await following
  assert.equal(exitCode, 0, 'it ends by itself')
  assert.match(said, /^\S+ stdout hello\n\S+ stdout got this\n$/)
  const lines: string[] = []
  for await (const line of containerLogs(cri, id, { tail: 1 })) lines.push(line.text.toString())
  assert.deepEqual(lines, ['got this'])
}

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, type TestContext, test } from 'node:test'
import { repository } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { streamingPod } from '../harness/streaming-pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** `berth exec`, `attach` and `port-forward`, as a user runs them. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 180_000 }

function setUp(t: TestContext, script = 'sleep 1000') {
  return streamingPod(t, script, { mirrors: { 'docker.io': registry.host } })
}

/** Starts the CLI with pipes, or with `terminal` under script(1), which gives it a terminal. */
function start(endpoint: string, args: readonly string[], { terminal = false } = {}): ChildProcess {
  const command = [process.execPath, join(repository, 'src/cli/main.ts'), '--runtime-endpoint', endpoint, ...args]
  const [file = '', ...rest] = terminal
    ? ['script', '-qec', `stty rows 33 cols 101; exec ${command.join(' ')}`, '/dev/null']
    : command
  return spawn(file, rest, { cwd: repository, stdio: 'pipe' })
}

async function outcome(cli: ChildProcess, input: string | Buffer = '') {
  const [stdout, stderr] = [text(cli.stdout!), text(cli.stderr!)]
  const ended = once(cli, 'close')
  cli.stdin!.end(input)
  return { exitCode: (await ended)[0] as number, stdout: await stdout, stderr: await stderr }
}

test('berth exec: both outputs, the end of the input, the exit code, what cannot be run', options, async (t) => {
  await using set = await setUp(t)
  const run = (args: string[], input?: string | Buffer) => outcome(start(set.berthd.endpoint, args), input)
  assert.deepEqual(
    await run(['exec', '-i', set.container, 'sh', '-c', 'cat; echo after; echo err >&2; exit 3'], 'input\n'),
    { exitCode: 3, stdout: 'input\nafter\n', stderr: 'err\n' },
  )
  assert.deepEqual(await run(['exec', '-it', set.container, 'cat'], 'input\n'), {
    exitCode: 0,
    stdout: 'input\n',
    stderr: 'berth: stdin is no terminal, so -t is left out\n',
  })
  const much = randomBytes(5_000_000)
  const { stdout } = await run(['exec', '-i', set.container, 'sha256sum'], much)
  assert.equal(stdout.slice(0, 64), createHash('sha256').update(much).digest('hex'))
  const missing = await run(['exec', set.container, 'no-such-program'])
  assert.equal(missing.exitCode, 127)
  assert.match(missing.stderr, /cannot run "no-such-program": the container has no such program/)
  const folder = await run(['exec', set.container, '/etc'])
  assert.equal(folder.exitCode, 126)
  assert.match(folder.stderr, /cannot run "\/etc": it is not executable/)
})

test('berth exec -it: a terminal of the right size, with the exit code', options, async (t) => {
  await using set = await setUp(t)
  const cli = start(set.berthd.endpoint, ['exec', '-it', set.container, 'sh'], { terminal: true })
  let shown = ''
  cli.stdout!.on('data', (chunk) => {
    shown += chunk
  })
  await eventually('the prompt', () => shown.includes('#') || undefined)
  cli.stdin!.write('stty size; exit 7\n')
  assert.deepEqual(await once(cli, 'close'), [7, null])
  assert.match(shown, /^33 101\r$/m)
})

test('berth attach -i: what the container says, and its stdin', options, async (t) => {
  const script = 'while read line; do echo "got $line"; [ "$line" = end ] && exit; done'
  await using set = await streamingPod(t, script, {
    mirrors: { 'docker.io': registry.host },
    change: { stdin: true },
  })
  const cli = start(set.berthd.endpoint, ['attach', '-i', set.container])
  const output = text(cli.stdout!)
  cli.stdin!.write('one\nend\n')
  const [exitCode] = await once(cli, 'close')
  assert.deepEqual([exitCode, await output], [0, 'got one\ngot end\n'])
})

test('berth port-forward: each direction ends on its own; refused ports are told', options, async (t) => {
  await using set = await setUp(t, 'nc -ll -p 8080 -e wc -c & sleep 1000')
  const listening = ['sh', '-c', 'netstat -lnt | grep -q :8080']
  await eventually('nc listens', async () => {
    const { exitCode } = await set.client.runtime.execSync({ containerId: set.container, cmd: listening })
    return exitCode === 0 || undefined
  })
  const cli = start(set.berthd.endpoint, ['port-forward', set.pod, ':8080', ':81'])
  t.after(() => cli.kill('SIGKILL'))
  let said = ''
  for (const stream of [cli.stdout!, cli.stderr!]) {
    stream.on('data', (chunk) => {
      said += chunk
    })
  }
  const port = (remote: number) =>
    eventually(`port ${remote} is forwarded`, () => {
      const [, local] = new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${remote}\\n`).exec(said) ?? []
      return local === undefined ? undefined : Number(local)
    })
  const counting = connect({ port: await port(8080), host: '127.0.0.1', allowHalfOpen: true })
  counting.end(Buffer.alloc(3_000_000))
  assert.equal((await text(counting)).trim(), '3000000')
  const refused = connect(await port(81), '127.0.0.1')
  await assert.rejects(text(refused), { code: 'ECONNRESET' })
  await eventually('the reason', () => said.includes('ECONNREFUSED') || undefined)
  cli.kill('SIGTERM')
  assert.deepEqual(await once(cli, 'close'), [0, null])
})

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, before, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SpdyClient } from '../../src/mux/testing/spdy-client.ts'
import { eventually } from '../harness/eventually.ts'
import type { PodClient } from '../harness/pod.ts'
import { streamingPod, type StreamingPodOptions } from '../harness/streaming-pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** Exec, attach and port-forward into real containers, over both transports. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const timeout = 90_000

/** A pod that pulls from this test's registry. */
function setUp(t: TestContext, script = 'sleep 1000', options: StreamingPodOptions = {}) {
  return streamingPod(t, script, { mirrors: { 'docker.io': registry.host }, ...options })
}

/** Opens a pair of streams for a port. */
async function openPair(spdy: SpdyClient, port: number, requestId: number) {
  const headers = { port: String(port), requestid: String(requestId) }
  const error = await spdy.open({ streamtype: 'error', ...headers })
  const data = await spdy.open({ streamtype: 'data', ...headers })
  return { error, data }
}

/** The processes of a command line, anywhere on this machine. */
async function running(set: { client: PodClient; container: string }, pattern: string): Promise<boolean> {
  const cmd = ['sh', '-c', `ps -o args | grep -v grep | grep -q '${pattern}'`]
  return (await set.client.runtime.execSync({ containerId: set.container, cmd })).exitCode === 0
}

/** That something in the container listens on a TCP port, by IPv4 or IPv6. */
async function listens(set: { client: PodClient; container: string }, port: number): Promise<void> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  // proc_net_tcp: the local address, the other one, the state; 0A is LISTEN.
  const cmd = ['sh', '-c', `cat /proc/net/tcp /proc/net/tcp6 | grep -q '${local} [0-9A-F]*:0000 0A '`]
  await eventually(`port ${port} is listened on`, async () => {
    return (await set.client.runtime.execSync({ containerId: set.container, cmd })).exitCode === 0 || undefined
  })
}

test('exec: both outputs, stdin with its end, exit codes, what cannot be run', { timeout }, async (t) => {
  await using set = await setUp(t)
  const failing = await set.exec(['sh', '-c', 'echo out; echo err >&2; exit 3'])
  assert.equal((await failing.ended())?.exitCode, 3)
  assert.deepEqual([failing.stdout, failing.stderr], ['out\n', 'err\n'])

  const cat = await set.exec(['sh', '-c', 'cat; echo after the end'], { stdin: true })
  await cat.send('first ')
  await cat.send('second\n')
  await cat.shows('first second')
  assert.ok(!cat.stdout.includes('after'))
  await cat.endStdin()
  assert.equal((await cat.ended())?.status, 'Success')
  assert.equal(cat.stdout, 'first second\nafter the end\n')

  const missing = await set.exec(['no-such-program'])
  assert.match((await missing.ended())?.message ?? '', /no-such-program/)

  const killed = await set.exec(['sh', '-c', 'kill -9 $$'])
  assert.equal((await killed.ended())?.exitCode, 137)
})

test('exec: a background child that holds the output does not hold up the end', { timeout }, async (t) => {
  await using set = await setUp(t)
  const session = await set.exec(['sh', '-c', 'sleep 30 & echo now'])
  assert.equal((await session.ended(20_000))?.status, 'Success')
  assert.equal(session.stdout, 'now\n')
})

test('exec on a terminal: size, resize, hang-up when the client goes', { timeout }, async (t) => {
  await using set = await setUp(t)
  const session = await set.exec(['sh'], { tty: true, stdin: true })
  await session.resize(101, 33)
  await session.shows('#')
  await session.send('stty size\n')
  await session.shows('33 101')
  await session.resize(40, 20)
  // Sizes and keys come on channels of their own: neither waits for the other.
  await eventually('the new size', async () => {
    await session.send('stty size\n')
    return session.stdout.includes('20 40') || undefined
  })
  await session.send('sleep 4242\n')
  await eventually('sleep runs', async () => (await running(set, 'sleep 4242')) || undefined)
  session.drop()
  await eventually('the terminal hangs up', async () => !(await running(set, 'sleep 4242')) || undefined)

  const typed = await set.exec(['sh', '-c', 'read line; echo "got $line"; exit 5'], { tty: true, stdin: true })
  await typed.send('a line\n')
  assert.equal((await typed.ended())?.exitCode, 5)
  assert.match(typed.stdout, /got a line\r\n$/)
})

test('bad requests are refused', { timeout }, async (t) => {
  await using set = await setUp(t)
  const request = { containerId: set.container, cmd: ['true'], stdout: true }
  await assert.rejects(set.client.runtime.exec({ ...request, tty: true, stderr: true }), /tty and stderr/)
  await assert.rejects(set.client.runtime.exec({ ...request, stdout: false }), /one of stdin, stdout/)
  await assert.rejects(set.client.runtime.exec({ ...request, cmd: [] }), /cmd is empty/)
  await assert.rejects(set.client.runtime.exec({ ...request, containerId: 'none' }), /not found/)
  await assert.rejects(set.client.runtime.portForward({ podSandboxId: set.pod, port: [70000] }), /70000/)
  await set.client.runtime.stopContainer({ containerId: set.container, timeout: 0n })
  await assert.rejects(set.client.runtime.exec(request), /exited, not running/)
  await assert.rejects(set.client.runtime.attach({ containerId: set.container, stdout: true }), /exited, not running/)
})

test('ExecSync: after the time-out nothing that it started is left', { timeout }, async (t) => {
  await using set = await setUp(t)
  const cmd = ['sh', '-c', 'sleep 4711 & setsid sleep 4712 & (sleep 4713 &) ; sleep 4714']
  await assert.rejects(set.client.runtime.execSync({ containerId: set.container, cmd, timeout: 1n }), {
    codeName: 'DEADLINE_EXCEEDED',
  })
  assert.equal(await running(set, 'sleep 471'), false)
})

test('ExecSync: a hundred at once all end, and the API answers meanwhile', { timeout }, async (t) => {
  await using set = await setUp(t)
  const probes = Array.from({ length: 100 }, () =>
    set.client.runtime.execSync({ containerId: set.container, cmd: ['true'], timeout: 60n }),
  )
  let answered = 0
  let slowest = 0
  const over = new AbortController()
  const watch = (async () => {
    while (!over.signal.aborted) {
      const began = performance.now()
      await set.client.runtime.version()
      if (!over.signal.aborted) answered++
      slowest = Math.max(slowest, performance.now() - began)
      await sleep(5)
    }
  })()
  const codes = (await Promise.all(probes)).map(({ exitCode }) => exitCode)
  over.abort()
  await watch
  assert.deepEqual(new Set(codes), new Set([0]))
  t.diagnostic(`Version was answered ${answered} times meanwhile, in ${Math.round(slowest)} ms at most`)
  // Loose: this machine may be busy with other things. 50 ms is what is aimed at for 99 of 100.
  assert.ok(answered >= 5, `Version was answered ${answered} times`)
  assert.ok(slowest < 10_000, `Version took ${slowest} ms`)
})

test('attach: several clients, a late one, one that hangs; the log has all', { timeout }, async (t) => {
  const script = 'i=0; while :; do echo "line $i"; echo "error $i" >&2; i=$((i+1)); usleep 2000; done'
  await using set = await setUp(t, script)
  const hanging = await set.attach({ keep: false })
  hanging.stall()
  const first = await set.attach()
  await first.shows('line ')
  await sleep(300)
  const late = await set.attach()
  await late.shows('line ')
  const from = (text: string) => Number(/line (\d+)/.exec(text)?.[1])
  assert.ok(from(late.stdout) > from(first.stdout), 'the late client gets what comes from then on')
  await eventually('errors come apart', () => first.stderr.includes('error ') || undefined)
  const before = (await set.client.logLines(set.container)).length
  first.drop()
  await eventually(
    'the log goes on',
    async () => (await set.client.logLines(set.container)).length > before + 100 || undefined,
  )
  const lines = (await set.client.logLines(set.container)).filter((line) => line.startsWith('line'))
  assert.deepEqual(
    lines,
    lines.map((_, index) => `line ${index}`),
    'a line of the log is missing',
  )
  await set.client.runtime.stopContainer({ containerId: set.container, timeout: 0n })
  assert.equal((await late.ended())?.status, 'Success')
  hanging.drop()
})

test('attach: a client that takes nothing is cut off and told; nobody waits for it', { timeout }, async (t) => {
  const script = 'sleep 1; head -c 60000000 /dev/zero | tr "\\\\0" "x"; echo; echo end; sleep 1000'
  await using set = await setUp(t, script)
  const hanging = await set.attach({ keep: false })
  hanging.stall()
  await set.client.logged(set.container, 'end')
  hanging.goOn()
  const outcome = await hanging.ended(20_000)
  assert.match(outcome?.message ?? '', /came faster than it was taken/)
  assert.ok(hanging.bytes < 60_000_000)
})

test('attach: stdin_once ends with its first client, after all of its input', { timeout }, async (t) => {
  await using set = await setUp(t, 'wc -c; echo seen', { change: { stdin: true, stdinOnce: true } })
  const input = await set.attach({ stdin: true })
  await input.send(Buffer.alloc(500_000, 'x'))
  await input.endStdin()
  assert.equal((await input.ended())?.status, 'Success')
  assert.equal(input.stdout, '500000\nseen\n')
  assert.equal((await set.client.exited(set.container)).exitCode, 0)
})

test('attach: without stdin_once clients come and go; berthd may restart between', { timeout }, async (t) => {
  await using set = await setUp(t, 'while read line; do echo "got $line"; done', { change: { stdin: true } })
  const first = await set.attach({ stdin: true })
  await first.send('one\n')
  await first.shows('got one')
  await first.endStdin()
  first.drop()
  await set.berthd.kill9()
  await set.berthd.start()
  set.client.reconnect()
  const second = await set.attach({ stdin: true })
  await second.send('two\n')
  await second.shows('got two')
  second.drop()
  assert.deepEqual(await set.client.logLines(set.container), ['got one', 'got two'])
})

test('attach: a container with a terminal', { timeout }, async (t) => {
  await using set = await setUp(t, 'stty -echo; echo ready; while read line; do stty size; echo "got $line"; done', {
    change: { stdin: true, tty: true },
  })
  const [first, second] = [await set.attach({ tty: true, stdin: true }), await set.attach({ tty: true })]
  await set.client.logged(set.container, 'ready\r')
  await first.resize(111, 44)
  // Sizes and keys come on channels of their own: neither waits for the other.
  await eventually('the size', async () => {
    await first.send('keys\n')
    return first.stdout.includes('44 111\r\ngot keys') || undefined
  })
  await second.shows('44 111\r\ngot keys')
  first.drop()
  second.drop()
})

test('berthd is killed during exec: its commands end, the container lives', { timeout }, async (t) => {
  await using set = await setUp(t, 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done')
  await set.exec(['sh', '-c', 'trap "" HUP PIPE; sleep 5151 & while :; do sleep 5152; done'])
  await set.exec(['sh', '-c', 'trap "" HUP; sleep 5153'], { tty: true, stdin: true })
  await eventually('they run', async () => (await running(set, 'sleep 5153')) || undefined)
  await set.berthd.kill9()
  await set.berthd.start()
  set.client.reconnect()
  await eventually('the commands are gone', async () => !(await running(set, 'sleep 515')) || undefined)
  const before = (await set.client.logLines(set.container)).length
  await eventually(
    'the container goes on',
    async () => (await set.client.logLines(set.container)).length > before + 3 || undefined,
  )
})

test('port-forward: half-close, a port that refuses, many connections', { timeout }, async (t) => {
  const script = 'nc -ll -p 8080 -e wc -c & nc -ll -p 8081 -e cat & sleep 1000'
  await using set = await setUp(t, script)
  await listens(set, 8080)
  await listens(set, 8081)
  const spdy = await set.connectPort()
  const counting = await openPair(spdy, 8080, 1)
  spdy.data(counting.data, Buffer.alloc(100_000))
  spdy.data(counting.data, '', true)
  await spdy.until(() => spdy.ended.has(counting.data), 'the answer after the half-close')
  assert.equal(spdy.text(counting.data).trim(), '100000')

  const refused = await openPair(spdy, 81, 2)
  await spdy.until(() => spdy.ended.has(refused.error), 'the error')
  assert.match(
    spdy.text(refused.error),
    /^error forwarding port 81 to pod .* IPv4: connect ECONNREFUSED 127\.0\.0\.1:81 IPv6: /,
  )

  const pairs = []
  for (let n = 0; n < 20; n++) pairs.push(await openPair(spdy, 8081, 10 + n))
  for (const [n, { data }] of pairs.entries()) spdy.data(data, `echo ${n}`, true)
  for (const [n, { data }] of pairs.entries()) {
    await spdy.until(() => spdy.ended.has(data), `echo ${n}`)
    assert.equal(spdy.text(data), `echo ${n}`)
  }
  spdy.transport.destroy()
})

test('port-forward: a pod on the host network, IPv6', { timeout }, async (t) => {
  await using set = await setUp(t, 'sleep 1000', { hostNetwork: true })
  const server = createServer((socket) => socket.on('error', () => {}).end('from the host'))
  await new Promise<void>((resolve) => server.listen(0, '::1', resolve))
  t.after(() => server.close())
  const spdy = await set.connectPort()
  const pair = await openPair(spdy, (server.address() as { port: number }).port, 1)
  await spdy.until(() => spdy.ended.has(pair.data), 'the answer')
  assert.equal(spdy.text(pair.data), 'from the host')
  spdy.transport.destroy()
})

test('much data each way keeps its hash, and berthd its memory', { timeout: 180_000 }, async (t) => {
  const script = 'nc -ll -p 8080 -e sha256sum & nc -ll -p 8081 -e head -c 200000000 /dev/zero & sleep 1000'
  await using set = await setUp(t, script)
  const size = 200_000_000
  const zeros = Buffer.alloc(1_000_000)
  const expected = createHash('sha256')
  for (let sent = 0; sent < size; sent += zeros.length) expected.update(zeros)
  const hash = expected.digest('hex')
  const base = resident(set.berthd.pid, 'VmRSS')
  // proc_pid_clear_refs(5): 5 sets the peak to what it is now.
  writeFileSync(`/proc/${set.berthd.pid}/clear_refs`, '5')

  const out = await set.exec(['head', '-c', String(size), '/dev/zero'], { keep: false })
  assert.equal((await out.ended(60_000))?.status, 'Success')
  assert.deepEqual([out.bytes, out.hash()], [size, hash])

  const into = await set.exec(['sha256sum'], { stdin: true })
  for (let sent = 0; sent < size; sent += zeros.length) await into.send(zeros)
  await into.endStdin()
  assert.equal((await into.ended(60_000))?.status, 'Success')
  assert.equal(into.stdout.slice(0, 64), hash)

  const spdy = await set.connectPort()
  spdy.discard = true
  const from = await openPair(spdy, 8081, 1)
  await eventually('all of it', () => spdy.ended.has(from.data) || undefined, 60_000)
  assert.equal(spdy.bytes, size)
  spdy.discard = false
  const to = await openPair(spdy, 8080, 2)
  for (let sent = 0; sent < size; sent += zeros.length) {
    if (!spdy.data(to.data, zeros)) await new Promise((resolve) => spdy.transport.once('drain', resolve))
  }
  spdy.data(to.data, '', true)
  await eventually('the hash', () => spdy.ended.has(to.data) || undefined, 60_000)
  assert.equal(spdy.text(to.data).slice(0, 64), hash)
  spdy.transport.destroy()

  const growth = resident(set.berthd.pid, 'VmHWM') - base
  t.diagnostic(`berthd: ${Math.round(base)} MB before, ${Math.round(growth)} MB more at the peak`)
  assert.ok(growth < 65, `berthd grew by ${growth} MB`)
})

/** A line of /proc/PID/status, in MB. */
function resident(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] =
    new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

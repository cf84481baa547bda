import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { Action } from '../manifest/action.ts'
import type { Access } from './access.ts'
import { perform } from './perform.ts'
import { count, type ProbeCount, uncounted } from './probe-count.ts'
import { AgentSetup, podManifest } from './testing/agent-setup.ts'

const thresholds = { successThreshold: 2, failureThreshold: 3 }

function verdicts(outcomes: string): (ProbeCount['verdict'] | '-')[] {
  let counted = uncounted
  return Array.from(outcomes, (letter) => {
    counted = count(counted, letter === 's' ? 'success' : 'failure', thresholds)
    return counted.verdict ?? '-'
  })
}

test('a verdict takes as many outcomes in a row as its threshold', () => {
  assert.deepEqual(verdicts('sfss'), ['-', '-', '-', 'success'])
  assert.deepEqual(verdicts('ssff'), ['-', 'success', 'success', 'success'])
  assert.deepEqual(verdicts('ffsfff'), ['-', '-', '-', '-', '-', 'failure'])
  assert.deepEqual(verdicts('fffss'), ['-', '-', 'failure', 'failure', 'success'])
})

/** A pod whose only container has these probes. */
const probed = (probes: object, spec: object = {}) =>
  podManifest({ ...spec, containers: [{ name: 'main', image: 'app:1', ...probes }] })

/** Of the probes here; nothing else waits for so long. */
const periodMs = 7000

const ask = (word: string) => ({ exec: { command: [word] }, periodSeconds: periodMs / 1000 })

/** What the container answers to its probes, by word; everything is well unless said otherwise. */
function answers(set: AgentSetup): Map<string, number> {
  const codes = new Map<string, number>()
  set.runtime.execs.set('main', ([word = '']) => codes.get(word) ?? 0)
  return codes
}

const asked = (set: AgentSetup, word: string) =>
  set.runtime.calls.filter((call) => call === `ExecSync main: ${word}`).length

/** Lets one period after another pass until something holds. */
async function passUntil(set: AgentSetup, what: string, condition: () => boolean): Promise<void> {
  for (let periods = 0; !condition(); periods++) {
    assert.ok(periods < 20, `not within 20 periods: ${what}`)
    await set.seen('the next probe is due', () => condition() || set.time.isAwaited(periodMs))
    if (condition()) return
    const before = set.runtime.calls.length
    set.time.advance(periodMs)
    await set.until('the probe is asked', () => set.runtime.calls.length > before)
  }
}

test('a container that fails its liveness probe so many times in a row is killed and started again', async () => {
  await using set = await AgentSetup.start()
  const codes = answers(set)
  const livenessProbe = { ...ask('live'), failureThreshold: 2, terminationGracePeriodSeconds: 7 }
  set.write('web.yaml', probed({ livenessProbe }))
  await set.until('it is asked', () => asked(set, 'live') === 1)
  codes.set('live', 1)
  await passUntil(set, 'it is killed', () => set.runtime.calls.includes('StopContainer main 7'))
  const before = set.runtime.calls.slice(0, set.runtime.calls.indexOf('StopContainer main 7'))
  assert.equal(before.filter((call) => call === 'ExecSync main: live').length, 3, 'one success, two failures')
  codes.set('live', 0)
  await set.until('it is started again', () => set.running().includes('main'))
  assert.ok(set.notes.some((note) => note.includes('"main" has failed its liveness probe and is killed: exit code 1')))
})

test('until the startup probe has succeeded, nothing else is asked; a readiness probe kills nothing', async () => {
  await using set = await AgentSetup.start()
  const codes = answers(set)
  codes.set('up', 1).set('ready', 1)
  const probes = {
    startupProbe: { ...ask('up'), failureThreshold: 9 },
    livenessProbe: ask('live'),
    readinessProbe: ask('ready'),
  }
  set.write('web.yaml', probed(probes))
  await set.until('it is asked', () => asked(set, 'up') === 1)
  assert.match(set.agent.statuses()[0]?.message ?? '', /^main: its startup probe /)
  await passUntil(set, 'it is asked again', () => asked(set, 'up') >= 3)
  assert.deepEqual([asked(set, 'live'), asked(set, 'ready'), set.agent.statuses()[0]?.ready], [0, 0, 0])
  codes.set('up', 0)
  await passUntil(set, 'the others are asked', () => asked(set, 'live') >= 1 && asked(set, 'ready') >= 4)
  const { ready, state, message, troubles } = set.agent.statuses()[0] ?? {}
  assert.deepEqual([ready, state, message], [0, 'Running', 'main: its readiness probe fails: exit code 1'])
  assert.deepEqual(troubles, [{ container: 'main', of: 'readiness', kills: false, message: 'exit code 1' }])
  const times = asked(set, 'up')
  codes.set('ready', 0)
  await passUntil(set, 'it is ready', () => set.agent.statuses()[0]?.ready === 1)
  assert.deepEqual([set.agent.statuses()[0]?.message, set.agent.statuses()[0]?.troubles], ['', []])
  assert.equal(asked(set, 'up'), times, 'the startup probe has had its turn')
  assert.ok(!set.runtime.calls.some((call) => call.startsWith('StopContainer')))
})

test('a container that never comes up is killed', async () => {
  await using set = await AgentSetup.start()
  answers(set).set('up', 1)
  set.write('web.yaml', probed({ startupProbe: { ...ask('up'), failureThreshold: 2 } }))
  await set.until('it is asked', () => asked(set, 'up') === 1)
  await passUntil(set, 'it is killed', () => set.runtime.calls.includes('StopContainer main 30'))
})

test('the next container waits for the startup probe of a sidecar', async () => {
  await using set = await AgentSetup.start()
  const codes = new Map([['up', 1]])
  set.runtime.execs.set('proxy', ([word = '']) => codes.get(word) ?? 0)
  const proxy = {
    name: 'proxy',
    image: 'i:1',
    restartPolicy: 'Always',
    startupProbe: { ...ask('up'), failureThreshold: 99 },
  }
  set.write('web.yaml', podManifest({ initContainers: [proxy] }))
  await set.until('it is asked', () => set.runtime.calls.includes('ExecSync proxy: up'))
  assert.deepEqual(set.running(), ['proxy'])
  codes.set('up', 0)
  await passUntil(set, 'both run', () => set.running().length === 2)
})

test('hooks: postStart before the next container, one that fails kills; preStop before the end, of its time', async () => {
  await using set = await AgentSetup.start()
  const lifecycle = { postStart: { exec: { command: ['begin'] } }, preStop: { exec: { command: ['end'] } } }
  const containers = [
    { name: 'main', image: 'app:1', lifecycle },
    { name: 'other', image: 'app:1' },
  ]
  set.write('web.yaml', podManifest({ containers, terminationGracePeriodSeconds: 9 }))
  await set.until('both run', () => set.running().length === 2)
  const calls = set.newCalls().filter((call) => !call.startsWith('Create'))
  assert.deepEqual(calls, ['RunPodSandbox web', 'StartContainer main', 'ExecSync main: begin', 'StartContainer other'])
  // The manifest is gone, and the agent that knew it: the hook is still known.
  await set.stopAgent()
  set.remove('web.yaml')
  set.startAgent()
  await set.until('it is gone', () => set.runtime.sandboxes.length === 0)
  const ends = set.newCalls()
  assert.ok(ends.indexOf('ExecSync main: end') < ends.indexOf('StopContainer main 9'), ends.join())

  answers(set).set('begin', 1)
  set.write('web.yaml', podManifest({ containers: containers.slice(0, 1) }))
  await set.until('it is killed', () =>
    set.notes.some((note) => note.includes('postStart hook of container "main" failed')),
  )
})

test('a preStop that sleeps takes of the time that the container has to end', async () => {
  await using set = await AgentSetup.start()
  const lifecycle = { preStop: { sleep: { seconds: 19 } } }
  set.write('web.yaml', podManifest({ containers: [{ name: 'main', image: 'app:1', lifecycle }] }))
  await set.until('it runs', () => set.running().includes('main'))
  set.remove('web.yaml')
  await set.seen('it sleeps', () => set.time.isAwaited(19_000) && set.agent.statuses()[0]?.state === 'Terminating')
  assert.deepEqual(set.running(), ['main'])
  set.time.advance(19_000)
  await set.until('it is gone', () => set.runtime.sandboxes.length === 0)
  assert.ok(set.newCalls().includes('StopContainer main 11'))
})

/** Performs an action against this machine, with little patience. */
function tryOut(action: Action, timeoutMs = 2000) {
  const target = { containerId: 'none', podIp: '127.0.0.1' }
  return perform({} as Access, action, target, { timeoutMs, signal: new AbortController().signal })
}

const http = (port: number, path = '/') =>
  ({ kind: 'http', host: '', port, path, secure: false, headers: [['x-who', 'probe']] }) as const

test('HTTP: 200 to 399 is success; the headers are sent', async () => {
  const server = createHttpServer((request, response) => {
    response.statusCode = request.headers['x-who'] === 'probe' ? Number(request.url?.slice(1)) : 500
    response.end('some text')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (const [status, ok] of [
    [200, true],
    [302, true],
    [399, true],
    [404, false],
    [503, false],
  ] as const) {
    const outcome = await tryOut(http(port, `/${status}`))
    assert.deepEqual(outcome, { ok, message: `HTTP status ${status} of http://127.0.0.1:${port}/${status}` })
  }
  server.close()
  await once(server, 'close')
  assert.match((await tryOut(http(port))).message, /ECONNREFUSED/)
})

test('who does not answer in time has failed', async () => {
  const server = createServer((socket) => socket.resume().on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  assert.deepEqual(await tryOut(http(port), 100), { ok: false, message: 'no answer within 0.1 s' })
  assert.equal((await tryOut({ kind: 'tcp', host: '', port })).ok, true)
  server.close()
  await once(server, 'close')
  assert.equal((await tryOut({ kind: 'tcp', host: '', port })).ok, false)
})

test('gRPC: the health of a service', async () => {
  const server = new Server()
  const bytes = (value: Buffer) => value
  const definition = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  } as const
  // HealthCheckRequest.service is field 1; HealthCheckResponse.status too: 1 is SERVING, 2 is NOT_SERVING.
  const check = (call: { request: Buffer }, answer: (error: null, value: Buffer) => void) =>
    answer(null, Buffer.from([0x08, call.request.subarray(2).toString() === 'shop' ? 1 : 2]))
  server.addService({ check: definition }, { check })
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  )
  assert.equal((await tryOut({ kind: 'grpc', port, service: 'shop' })).ok, true)
  assert.equal((await tryOut({ kind: 'grpc', port, service: '' })).ok, false)
  server.forceShutdown()
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { patiently } from '../lib/testing/patiently.ts'
import { ContainerEventType, ContainerState, connect, CriError } from './index.ts'
import { serveFake, statusError } from './testing/serve.ts'

test('a unary call gives and takes plain objects', async () => {
  await using server = await serveFake({
    runtime: {
      listContainers: ({ filter }, { authority, metadata }) => {
        assert.equal(authority, 'localhost')
        assert.deepEqual(metadata.get('traceparent'), ['00-abc'])
        assert.deepEqual(filter?.labelSelector, { app: 'web' })
        return { containers: [{ id: 'c1', createdAt: 5n, state: ContainerState.CONTAINER_RUNNING }] }
      },
    },
    image: { pullImage: ({ image }) => ({ imageRef: `sha256:${image?.image}` }) },
  })
  using cri = connect(server.endpoint)
  const { containers } = await cri.runtime.listContainers(
    { filter: { labelSelector: { app: 'web' } } },
    { metadata: { traceparent: '00-abc' } },
  )
  assert.equal(containers[0]?.createdAt, 5n)
  assert.equal(containers[0]?.state, ContainerState.CONTAINER_RUNNING)
  assert.deepEqual((await cri.image.pullImage({ image: { image: 'busybox' } })).imageRef, 'sha256:busybox')
})

test('a bare path is an endpoint too, and the image service may be elsewhere', async () => {
  await using runtime = await serveFake({ runtime: { version: () => ({ runtimeName: 'one' }) } })
  await using image = await serveFake({ image: { listImages: () => ({ images: [{ id: 'two' }] }) } })
  using cri = connect(runtime.path, { imageEndpoint: image.endpoint })
  assert.equal((await cri.runtime.version()).runtimeName, 'one')
  assert.equal((await cri.image.listImages()).images[0]?.id, 'two')
})

test('a failed call says what, where and why', async () => {
  await using server = await serveFake({
    runtime: {
      containerStatus: () => {
        throw statusError('NOT_FOUND', 'container "c1" not found')
      },
    },
  })
  using cri = connect(server.endpoint)
  await assert.rejects(cri.runtime.containerStatus({ containerId: 'c1' }), (error) => {
    assert.ok(error instanceof CriError)
    assert.equal(error.message, 'container "c1" not found')
    assert.equal(error.code, 5)
    assert.equal(error.codeName, 'NOT_FOUND')
    assert.equal(error.method, 'ContainerStatus')
    assert.equal(error.endpoint, server.endpoint)
    return true
  })
  await assert.rejects(cri.runtime.attach({}), { codeName: 'UNIMPLEMENTED' })
})

test('a request of wrong types is not sent', async () => {
  await using server = await serveFake({ runtime: { stopContainer: () => assert.fail('was sent') } })
  using cri = connect(server.endpoint)
  const wrong = { containerId: 'c1', timeout: 'soon' } as unknown as { timeout: bigint }
  await assert.rejects(cri.runtime.stopContainer(wrong), { codeName: 'INVALID_ARGUMENT', message: /StopContainer/ })
})

test('a deadline ends a call, one of the connection too', async (t) => {
  const seen = { asked: 0, cancelled: 0 }
  await using server = await serveFake({
    runtime: {
      version: async (_, { signal }) => {
        seen.asked++
        signal.addEventListener('abort', () => seen.cancelled++)
        await sleep(300)
        return {}
      },
    },
  })
  using cri = connect(server.endpoint, { timeout: 50 })
  const late = { codeName: 'DEADLINE_EXCEEDED', message: /did not answer Version within 0\.\d+ s$/ }
  await assert.rejects(cri.runtime.version(), late)
  await cri.runtime.version({}, { timeout: 5000 })
  await cri.runtime.version({}, { timeout: Number.POSITIVE_INFINITY })
  // Until one gets there before its time is over.
  const before = seen.asked
  while (seen.asked === before) await assert.rejects(cri.runtime.version({}, { timeout: 20 }), late)
  await t.waitFor(() => assert.ok(seen.cancelled >= 1), patiently)
})

test('an AbortSignal ends a call, here and at the server', async () => {
  const asked = Promise.withResolvers<void>()
  const seen = Promise.withResolvers<void>()
  await using server = await serveFake({
    runtime: {
      version: async (_, { signal }) => {
        asked.resolve()
        signal.addEventListener('abort', () => seen.resolve())
        await sleep(500)
        return {}
      },
    },
  })
  using cri = connect(server.endpoint)
  const controller = new AbortController()
  const call = cri.runtime.version({}, { signal: controller.signal })
  await asked.promise
  controller.abort('enough')
  await assert.rejects(call, { codeName: 'CANCELLED', cause: 'enough' })
  await seen.promise
  await assert.rejects(cri.runtime.version({}, { signal: controller.signal }), { codeName: 'CANCELLED' })
})

test('a stream is an async iterable; leaving it cancels the call', async () => {
  const left = Promise.withResolvers<void>()
  await using server = await serveFake({
    runtime: {
      getContainerEvents: async function* (_, { signal }) {
        signal.addEventListener('abort', () => left.resolve())
        for (let n = 0; ; n++) {
          yield { containerId: `c${n}`, containerEventType: ContainerEventType.CONTAINER_STARTED_EVENT }
          await sleep(5)
        }
      },
      streamContainers: () => [{ containers: [{ id: 'a' }] }, { containers: [{ id: 'b' }, { id: 'c' }] }],
    },
  })
  using cri = connect(server.endpoint)
  const ids: string[] = []
  for await (const { containerId } of cri.runtime.getContainerEvents()) if (ids.push(containerId) === 3) break
  assert.deepEqual(ids, ['c0', 'c1', 'c2'])
  await left.promise
  const pieces = await Array.fromAsync(cri.runtime.streamContainers(), ({ containers }) => containers.length)
  assert.deepEqual(pieces, [1, 2])
})

test('a stream that fails throws, also by its signal', async () => {
  await using server = await serveFake({
    runtime: {
      getContainerEvents: async function* () {
        yield { containerId: 'a' }
        await sleep(20)
        throw statusError('UNAVAILABLE', 'going down')
      },
    },
  })
  using cri = connect(server.endpoint)
  await assert.rejects(Array.fromAsync(cri.runtime.getContainerEvents()), {
    codeName: 'UNAVAILABLE',
    message: 'going down',
  })
  const signal = AbortSignal.timeout(5)
  await assert.rejects(Array.fromAsync(cri.runtime.getContainerEvents({}, { signal })), { codeName: 'CANCELLED' })
  await assert.rejects(Array.fromAsync(cri.runtime.streamContainers()), { codeName: 'UNIMPLEMENTED' })
})

test('messages may have 16 MiB and no more', async () => {
  await using server = await serveFake({
    runtime: { execSync: ({ cmd }) => ({ stdout: new Uint8Array(Number(cmd[0])) }) },
  })
  using cri = connect(server.endpoint)
  const { stdout } = await cri.runtime.execSync({ cmd: [String(15 * 1024 * 1024)] })
  assert.equal(stdout.length, 15 * 1024 * 1024)
  await assert.rejects(cri.runtime.execSync({ cmd: [String(17 * 1024 * 1024)] }), { codeName: 'RESOURCE_EXHAUSTED' })
})

test('nothing serves there: the error says so and what to do', async () => {
  using cri = connect('unix:///tmp/berth-no-such-folder/cri.sock')
  await assert.rejects(cri.runtime.version(), {
    codeName: 'UNAVAILABLE',
    message:
      'nothing serves at unix:///tmp/berth-no-such-folder/cri.sock: there is no socket /tmp/berth-no-such-folder/cri.sock. Start the runtime, or give the endpoint it listens on',
  })
})

test('a runtime that comes later, or again, is found', async () => {
  let server = await serveFake({ runtime: { version: () => ({ version: 'first' }) } })
  using cri = connect(server.endpoint)
  assert.equal((await cri.runtime.version()).version, 'first')
  const { path } = server
  await server[Symbol.asyncDispose]()
  await assert.rejects(cri.runtime.version(), { codeName: 'UNAVAILABLE' })
  const waiting = cri.runtime.version({}, { waitForReady: true, timeout: 5000 })
  server = await serveFake({ runtime: { version: () => ({ version: 'second' }) } }, path)
  await using _ = server
  assert.equal((await waiting).version, 'second')
})

test('what is not a unix socket is refused', () => {
  for (const endpoint of ['tcp://1.2.3.4:5', 'unix://relative.sock', 'cri.sock', ''])
    assert.throws(() => connect(endpoint), { name: 'TypeError', message: /unix socket/ })
})

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { conformance } from '../harness/conformance.ts'

test('the runtime, as the kubelet sees it from its start on', { timeout: 180_000 }, async (t) => {
  const { berthd, client, part } = await conformance(t, { config: { runtime: { second: { path: 'runc' } } } })

  await part('the version is what the kubelet insists on', async () => {
    const version = await client.runtime.version({})
    assert.equal(version.version, '0.1.0')
    assert.equal(version.runtimeName, 'berth')
    assert.match(version.runtimeVersion, /^\d+\.\d+\.\d+(-[\w.]+)?$/)
    assert.equal(version.runtimeApiVersion, 'v1')
  })

  await part('it serves Version and ImageFsInfo as soon as its socket answers', async () => {
    await berthd.restart()
    client.reconnect()
    const [version, { imageFilesystems }] = await Promise.all([
      client.runtime.version({}),
      client.image.imageFsInfo({}),
    ])
    assert.equal(version.version, '0.1.0')
    const [first] = imageFilesystems
    assert.ok(first?.usedBytes && first.timestamp > 0n && existsSync(first.fsId?.mountpoint ?? ''))
  })

  await part('the cgroup driver is the same each time it is asked for', async () => {
    for (let time = 0; time < 3; time++) assert.equal((await client.runtime.runtimeConfig({})).linux?.cgroupDriver, 1)
  })

  await part('a call that is part of a distributed trace is logged with it', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const metadata = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` }
    await client.runtime.stopContainer({ containerId: 'nobody' }, { metadata })
    const line = berthd
      .log()
      .split('\n')
      .find((text) => text.includes(traceId))
    assert.match(line ?? '', /"rpc":"StopContainer".*"parentSpan":"00f067aa0ba902b7"/)
  })

  await part('both conditions are there, and the handlers in a stable order, the default as "" first', async () => {
    const [one, two] = [await client.runtime.status({}), await client.runtime.status({})]
    const conditions = Object.fromEntries((one.status?.conditions ?? []).map(({ type, status }) => [type, status]))
    assert.deepEqual([conditions.RuntimeReady, conditions.NetworkReady], [true, true])
    const names = one.runtimeHandlers.map(({ name }) => name)
    assert.equal(names[0], '')
    for (const name of ['runc', 'second']) assert.ok(names.includes(name), name)
    assert.deepEqual(two.runtimeHandlers, one.runtimeHandlers)
    for (const { features } of one.runtimeHandlers) assert.ok(features)
    assert.equal(one.features?.supplementalGroupsPolicy, true)
  })

  await part('lists are filtered by label and state, all of which must match, and by whole labels', async () => {
    const label = (uid: string) => ({ labels: { 'io.kubernetes.pod.uid': uid, app: 'same' } })
    const [a, b] = [
      await client.runSandbox(client.sandboxConfig('a', label('uid-a'))),
      await client.runSandbox(client.sandboxConfig('b', label('uid-ab'))),
    ]
    await client.runtime.stopPodSandbox({ podSandboxId: b })
    const pods = async (filter: object) => {
      const { items } = await client.runtime.listPodSandbox({ filter })
      return items.map(({ id }) => id).sort()
    }
    assert.deepEqual(await pods({ labelSelector: { 'io.kubernetes.pod.uid': 'uid-a' } }), [a])
    assert.deepEqual(await pods({ labelSelector: { app: 'same' } }), [a, b].sort())
    assert.deepEqual(await pods({ labelSelector: { app: 'same' }, state: { state: 0 } }), [a])
    assert.deepEqual(await pods({ labelSelector: { 'io.kubernetes.pod.uid': 'uid-a' }, state: { state: 1 } }), [])
    const config = client.containerConfig('c', 'sleep 1000', label('uid-a'))
    const container = await client.runContainer(a, config)
    const containers = async (filter: object) => (await client.runtime.listContainers({ filter })).containers.length
    assert.equal(await containers({ podSandboxId: a, labelSelector: { app: 'same' }, state: { state: 1 } }), 1)
    assert.equal(await containers({ podSandboxId: a, state: { state: 2 } }), 0)
    assert.equal(await containers({ id: container, podSandboxId: b }), 0)
  })

  await part('what is unknown: no error to stop or remove, NOT_FOUND for its status', async () => {
    const id = 'f'.repeat(64)
    await client.runtime.stopContainer({ containerId: id, timeout: 1n })
    await client.runtime.removeContainer({ containerId: id })
    await client.runtime.stopPodSandbox({ podSandboxId: id })
    await client.runtime.removePodSandbox({ podSandboxId: id })
    await client.image.removeImage({ image: { image: 'docker.io/library/none:latest' } })
    assert.equal(
      (await client.image.imageStatus({ image: { image: 'docker.io/library/none:latest' } })).image,
      undefined,
    )
    const unknown = { codeName: 'NOT_FOUND' }
    await assert.rejects(client.runtime.containerStatus({ containerId: id }), unknown)
    await assert.rejects(client.runtime.podSandboxStatus({ podSandboxId: id }), unknown)
    await assert.rejects(client.runtime.execSync({ containerId: id, cmd: ['true'] }), unknown)
  })

  await part('exec answers a code, or DEADLINE_EXCEEDED', async () => {
    const pod = await client.runSandbox(client.sandboxConfig('exec'))
    const containerId = await client.runContainer(pod, client.containerConfig('c', 'sleep 1000'))
    assert.equal((await client.runtime.execSync({ containerId, cmd: ['sh', '-c', 'exit 5'] })).exitCode, 5)
    const late = client.runtime.execSync({ containerId, cmd: ['sleep', '1000'], timeout: 1n })
    await assert.rejects(late, { codeName: 'DEADLINE_EXCEEDED' })
  })
})

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { ContainerState, Signal } from '../../src/gen/cri_pb.ts'
import { Berthd } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** berthd, its shim, or the OCI runtime fail while a container is being started. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 60_000 }

/** A berthd whose OCI runtime waits before each `run` while a file is there, and a pod with a created container. */
async function hangingStart(t: TestContext, stopSignal: Signal = Signal.RUNTIME_DEFAULT) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-runtime-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const runc = ['/usr/sbin/runc', '/usr/bin/runc'].find(existsSync) ?? assert.fail('no runc')
  const wrapper = join(folder, 'runc')
  const script = `case " $* " in *" run "*) touch ${folder}/begun; while [ -e ${folder}/hang ]; do sleep 0.02; done;; esac`
  writeFileSync(wrapper, `#!/bin/sh\n${script}\nexec ${runc} "$@"\n`, { mode: 0o755 })
  writeFileSync(join(folder, 'hang'), '')
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.host },
    config: { runtime: { runc: { path: wrapper } } },
  })
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await client.pull()
  const empty = berthd.snapshot()
  const pod = await client.runSandbox(client.sandboxConfig('starting'))
  const command = 'echo started; trap "exit 4" TERM; while :; do sleep 0.05; done'
  const container = await client.createContainer(pod, client.containerConfig('c', command, { stopSignal }))
  return {
    berthd,
    client,
    pod,
    container,
    /** Begins the start, and waits until the runtime hangs. */
    async begin(): Promise<{ outcome: Promise<unknown> }> {
      const outcome = client.runtime.startContainer({ containerId: container }).catch((error: unknown) => error)
      await eventually('the runtime hangs', () => existsSync(join(folder, 'begun')) || undefined)
      return { outcome }
    },
    letGo: () => rmSync(join(folder, 'hang'), { force: true }),
    async end() {
      await client.removeSandbox(pod)
      await berthd.assertAsAt(empty)
    },
  }
}

const shimOf = (berthd: Berthd) => Number(/"shimPid":(\d+)/.exec(berthd.log())?.[1] ?? assert.fail('no shim'))

test('berthd is killed: the start goes on, and the new one sees it through', options, async (t) => {
  const { berthd, client, container, begin, letGo, end } = await hangingStart(t)
  const { outcome } = await begin()
  await berthd.kill9()
  await outcome
  await berthd.start()
  client.reconnect()
  assert.equal((await client.status(container)).state, ContainerState.CONTAINER_CREATED)
  letGo()
  await client.logged(container, 'started')
  await eventually('it runs', async () => {
    return (await client.status(container)).state === ContainerState.CONTAINER_RUNNING || undefined
  })
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  assert.equal((await client.status(container)).exitCode, 4)
  await end()
})

test('berthd is killed, and the start comes to its end while the new one is to stop it', options, async (t) => {
  // The first process of a PID namespace gets no other signal before it has a handler for it.
  const { berthd, client, container, begin, letGo, end } = await hangingStart(t, Signal.SIGKILL)
  const { outcome } = await begin()
  await berthd.kill9()
  await outcome
  await berthd.start()
  client.reconnect()
  const stopping = client.runtime.stopContainer({ containerId: container, timeout: 1000n })
  const stop = await eventually('the stop waits', async () => {
    const { info } = await client.runtime.status({ verbose: true })
    const { operations } = JSON.parse(info.info ?? '') as { operations: { name: string; stage: string }[] }
    return operations.find(({ name }) => name === 'StopContainer')
  })
  assert.equal(stop.stage, 'waiting for its start to end')
  letGo()
  await stopping
  assert.equal((await client.status(container)).exitCode, 137)
  await end()
})

test('the shim is killed: the container did not start, and nothing of it runs', options, async (t) => {
  const { berthd, client, container, begin, letGo, end } = await hangingStart(t)
  const { outcome } = await begin()
  process.kill(shimOf(berthd), 'SIGKILL')
  assert.ok((await outcome) instanceof Error)
  const status = await client.exited(container)
  assert.deepEqual([status.exitCode, status.reason], [128, 'StartError'])
  letGo()
  assert.deepEqual(await client.logLines(container), [])
  await end()
})

test('the runtime hangs: the container can be stopped all the same', options, async (t) => {
  const { client, container, begin, letGo, end } = await hangingStart(t)
  const { outcome } = await begin()
  await client.runtime.stopContainer({ containerId: container, timeout: 0n })
  assert.ok((await outcome) instanceof Error)
  const status = await client.status(container)
  assert.deepEqual([status.exitCode, status.reason], [128, 'StartError'])
  letGo()
  await end()
})

test('the shim dies, then berthd, then the container ends', options, async (t) => {
  const { berthd, client, container, begin, letGo, end } = await hangingStart(t)
  letGo()
  const { outcome } = await begin()
  assert.ok(!((await outcome) instanceof Error))
  await client.logged(container, 'started')
  process.kill(shimOf(berthd), 'SIGKILL')
  await eventually('another shim has it', () => /took over/.test(berthd.log()) || undefined)
  await berthd.kill9()
  await berthd.start()
  client.reconnect()
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  const status = await client.status(container)
  assert.equal(status.state, ContainerState.CONTAINER_EXITED)
  // The code is known where the kernel tells it of a process that is not one's child (Linux 6.15); it is never made up.
  assert.ok(status.exitCode === 4 || (status.exitCode === 255 && status.reason === 'Unknown'), String(status.exitCode))
  await end()
})

test('a mute shim: the container is killed and its end recorded without it', options, async (t) => {
  const { berthd, client, container, begin, letGo, end } = await hangingStart(t)
  letGo()
  await (await begin()).outcome
  await client.logged(container, 'started')
  const shim = shimOf(berthd)
  process.kill(shim, 'SIGSTOP')
  t.after(() => {
    try {
      process.kill(shim, 'SIGCONT')
    } catch {
      // It was replaced.
    }
  })
  await client.runtime.stopContainer({ containerId: container, timeout: 0n })
  const status = await client.status(container)
  assert.deepEqual([status.state, status.exitCode], [ContainerState.CONTAINER_EXITED, 137])
  try {
    process.kill(shim, 'SIGCONT')
  } catch {
    // It was replaced.
  }
  await end()
})

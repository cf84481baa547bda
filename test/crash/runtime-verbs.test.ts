import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, type TestContext, test } from 'node:test'
import { ContainerState, PodSandboxState } from '../../src/gen/cri_pb.ts'
import { Berthd } from '../harness/berthd.ts'
import { type Misbehaviour, MisbehavingProgram, misbehaviours } from '../harness/misbehaving-program.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/**
 * An OCI runtime that fails, hangs, crashes or talks nonsense at each of its verbs: what it was asked for fails in its time or is
 * done without it, other pods notice nothing, and nothing is left behind.
 */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 120_000 }
const script = 'trap "exit 7" TERM; echo ready; while :; do sleep 0.02; done'
/** The verb is the first word that is one; what stands before it are global options. */
const findVerb =
  'verb=none; for word in "$@"; do case $word in run|exec|kill|delete|features) verb=$word; break;; esac; done'

/** A berthd whose OCI runtime is such a one. With `boxed`, signals go through it. */
async function misbehavingRuntime(t: TestContext, boxed = false) {
  const runc = ['/usr/sbin/runc', '/usr/bin/runc'].find(existsSync) ?? assert.fail('no runc')
  const runtime = new MisbehavingProgram(runc, findVerb)
  t.after(() => runtime[Symbol.dispose]())
  const start = () =>
    Berthd.start(t, {
      mirrors: { 'docker.io': registry.host },
      config: { runtime: { runc: { path: runtime.path, sandbox_per_container: boxed, delete_timeout_ms: 2_000 } } },
    })
  return { runtime, start }
}

async function runningPod(t: TestContext, boxed = false) {
  const { runtime, start } = await misbehavingRuntime(t, boxed)
  const berthd = await start()
  const client = new PodClient(berthd)
  t.after(() => client[Symbol.dispose]())
  await client.pull()
  const empty = berthd.snapshot()
  const echo = async (containerId: string, timeout = 20n) => {
    const { stdout } = await client.runtime.execSync({ containerId, cmd: ['echo', 'hello'], timeout })
    return Buffer.from(stdout).toString()
  }
  return {
    runtime,
    berthd,
    client,
    empty,
    echo,
    async pod(name: string) {
      const pod = await client.runSandbox(client.sandboxConfig(name))
      const container = await client.createContainer(pod, client.containerConfig('c', script))
      return { pod, container }
    },
    /** A pod from its beginning to its end, while the runtime hangs elsewhere. */
    async otherPod(): Promise<void> {
      const pod = await client.runSandbox(client.sandboxConfig('other'))
      const container = await client.runContainer(pod, client.containerConfig('c', script))
      await client.logged(container, 'ready')
      assert.equal(await echo(container), 'hello\n')
      await client.runtime.stopContainer({ containerId: container, timeout: 10n })
      assert.equal((await client.status(container)).exitCode, 7)
      await client.removeSandbox(pod)
    },
  }
}

test('run: the start has failed, says why, and the pod can be stopped', options, async (t) => {
  const { runtime, berthd, client, empty, pod: makePod, otherPod } = await runningPod(t)
  for (const how of misbehaviours) {
    const { pod, container } = await makePod(how)
    runtime.order('run', how)
    const outcome = client.runtime.startContainer({ containerId: container }).catch((error: unknown) => error)
    if (how === 'hang') {
      await runtime.hangs()
      await otherPod()
      await client.runtime.stopContainer({ containerId: container, timeout: 0n })
    }
    const error = await outcome
    await runtime.done('run')
    assert.ok(error instanceof Error, `${how}: it started`)
    if (how === 'crash') assert.match(error.message, /killed by signal 11/)
    const { state, exitCode, reason } = await client.status(container)
    assert.deepEqual([state, exitCode, reason], [ContainerState.CONTAINER_EXITED, 128, 'StartError'], how)
    // The pod is as good as any.
    const second = client.containerConfig('c', script, { metadata: { name: 'c', attempt: 1 } })
    await client.logged(await client.runContainer(pod, second), 'ready')
    await client.removeSandbox(pod)
    await berthd.assertAsAt(empty)
  }
})

test('exec: the command has failed, and no other', options, async (t) => {
  const { runtime, berthd, client, empty, pod: makePod, echo, otherPod } = await runningPod(t)
  const { pod, container } = await makePod('execs')
  await client.runtime.startContainer({ containerId: container })
  await client.logged(container, 'ready')
  for (const how of misbehaviours) {
    runtime.order('exec', how)
    const outcome = echo(container, 3n).catch((error: unknown) => error)
    if (how === 'hang') {
      await runtime.hangs()
      await otherPod()
    }
    const error = await outcome
    await runtime.done('exec')
    assert.ok(error instanceof Error, `${how}: it answered ${String(error)}`)
    if (how === 'hang') assert.match(error.message, /did not end within 3 s/)
    assert.equal(await echo(container), 'hello\n')
  }
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  assert.equal((await client.status(container)).exitCode, 7)
  await client.removeSandbox(pod)
  await berthd.assertAsAt(empty)
})

test('kill: the container is killed without it when its time is over', options, async (t) => {
  const { runtime, berthd, client, empty, pod: makePod, otherPod } = await runningPod(t, true)
  for (const how of misbehaviours) {
    const { pod, container } = await makePod(how)
    await client.runtime.startContainer({ containerId: container })
    await client.logged(container, 'ready')
    runtime.order('kill', how)
    const stopped = client.runtime.stopContainer({ containerId: container, timeout: 1n })
    if (how === 'hang') {
      await runtime.hangs()
      await otherPod()
    }
    await stopped
    await runtime.done('kill')
    const { state, exitCode } = await client.status(container)
    assert.deepEqual([state, exitCode], [ContainerState.CONTAINER_EXITED, 137], how)
    await client.removeSandbox(pod)
    await berthd.assertAsAt(empty)
  }
})

test('delete: StopPodSandbox succeeds all the same', options, async (t) => {
  const { runtime, berthd, client, empty, pod: makePod, otherPod } = await runningPod(t)
  const stop = async (how: Misbehaviour) => {
    const { pod, container } = await makePod(how)
    await client.runtime.startContainer({ containerId: container })
    await client.logged(container, 'ready')
    runtime.order('delete', how)
    const stopped = client.runtime.stopPodSandbox({ podSandboxId: pod })
    if (how === 'hang') {
      await runtime.hangs()
      await otherPod()
    }
    await stopped
    await runtime.done('delete')
    const { status } = await client.runtime.podSandboxStatus({ podSandboxId: pod })
    assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY, how)
    await client.runtime.removePodSandbox({ podSandboxId: pod })
    await berthd.assertAsAt(empty)
  }
  for (const how of misbehaviours) await stop(how)
})

test('features: berthd serves, and pods run', options, async (t) => {
  const { runtime, start } = await misbehavingRuntime(t)
  runtime.order('features', 'garbage')
  const berthd = await start()
  using client = new PodClient(berthd)
  await client.pull()
  const empty = berthd.snapshot()
  for (const how of misbehaviours) {
    runtime.order('features', how)
    await berthd.restart()
    client.reconnect()
    await runtime.done('features')
    const pod = await client.runSandbox(client.sandboxConfig(how))
    await client.logged(await client.runContainer(pod, client.containerConfig('c', script)), 'ready')
    await client.removeSandbox(pod)
    await berthd.assertAsAt(empty)
  }
})

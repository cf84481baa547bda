import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Berthd } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

/** A shim stops answering, or dies; another takes over its containers. */
let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

const options = { timeout: 90_000 }

const shimOf = (berthd: Berthd) => Number(/"shimPid":(\d+)/.exec(berthd.log())?.[1] ?? assert.fail('no shim'))

test('a shim that does not answer any more is killed and replaced', options, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  using client = new PodClient(berthd)
  await client.pull()
  const pod = await client.runSandbox(client.sandboxConfig('mute'))
  const script = 'echo ready; trap "exit 5" TERM; while :; do sleep 0.05; done'
  const container = await client.runContainer(pod, client.containerConfig('c', script))
  await client.logged(container, 'ready')
  process.kill(shimOf(berthd), 'SIGSTOP')
  await eventually('another shim has it', () => /took over/.test(berthd.log()) || undefined, 30_000)
  assert.match(berthd.log(), /does not answer; it is killed/)
  const { exitCode } = await client.runtime.execSync({ containerId: container, cmd: ['true'], timeout: 10n })
  assert.equal(exitCode, 0)
  await client.runtime.stopContainer({ containerId: container, timeout: 10n })
  assert.equal((await client.status(container)).exitCode, 5)
  await client.removeSandbox(pod)
})

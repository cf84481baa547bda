import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Berthd } from '../harness/berthd.ts'
import { berth, tryBerth } from '../harness/cli.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
  await pushImage(registry.host, 'library/busybox', 'latest', busyboxImage())
})
after(() => registry.stop())

test('berth trace shows what each call waited for, across berthd, plugins, shim and runtime', {
  timeout: 60_000,
}, async (t) => {
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host } })
  const run = (...args: string[]) => berth(berthd.endpoint, args)
  using client = new PodClient(berthd)
  await client.pull()
  const config = client.sandboxConfig('traced')
  await run('trace', '--on')
  const pod = await client.runSandbox(config)
  await client.runContainer(pod, client.containerConfig('c', 'sleep 1000'))

  const drawn = await run('trace', 'traced')
  for (const part of ['RunPodSandbox', 'CNI ADD bridge', 'CreateContainer', 'StartContainer', 'shim: start', 'runc']) {
    assert.match(drawn, new RegExp(`\\d+\\.\\d\\d.*█.* ${part}$`, 'm'))
  }
  assert.equal(await run('trace', pod), drawn)
  await run('trace', '--off')
  await client.removeSandbox(pod)
  assert.doesNotMatch(await run('trace', '--last', '10'), /StopPodSandbox/)
  const nothing = await tryBerth(berthd.endpoint, ['trace', '0'.repeat(64)])
  assert.equal(nothing.exitCode, 1)
  assert.match(nothing.stderr, /berth trace --on/)
})

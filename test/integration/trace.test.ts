import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Berthd } from '../harness/berthd.ts'
import { berth, tryBerth } from '../harness/cli.ts'
import { freePort } from '../harness/free-port.ts'
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
  const port = await freePort()
  const berthd = await Berthd.start(t, { mirrors: { 'docker.io': registry.host }, config: { metrics: { port } } })
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
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  for (const line of [
    'berth_pods{state="ready"} 1',
    'berth_containers{state="running"} 1',
    'berth_rpc_duration_seconds_count{method="RunPodSandbox"} 1',
    'berth_operation_stage_seconds_count{operation="RunPodSandbox",stage="attaching it to the network"} 1',
    'berth_image_pull_duration_seconds_count{result="succeeded"} 1',
    'berth_images 1',
    'berth_shims 1',
    'berth_condition{condition="NetworkReady"} 1',
  ]) {
    assert.ok(metrics.includes(`\n${line}\n`), `${line} is not in\n${metrics}`)
  }
  assert.match(metrics, /^berth_image_pulled_bytes_total [1-9]/m)
  assert.match(metrics, /^berth_process_memory_bytes\{process="shim-0"\} [1-9]/m)
  await client.removeSandbox(pod)
  assert.doesNotMatch(await run('trace', '--last', '10'), /StopPodSandbox/)
  const nothing = await tryBerth(berthd.endpoint, ['trace', '0'.repeat(64)])
  assert.equal(nothing.exitCode, 1)
  assert.match(nothing.stderr, /berth trace --on/)
})

import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { OtlpSpan } from '../../src/observe/otlp/otlp-spans.ts'
import { Collector } from '../../src/observe/otlp/testing/collector.ts'
import { Berthd } from '../harness/berthd.ts'
import { berth, tryBerth } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { PodClient } from '../harness/pod.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { busyboxImage, pushImage } from '../registry/image-builder.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const kubeletSpan = '00f067aa0ba902b7'

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
  await using collector = await Collector.start()
  const berthd = await Berthd.start(t, {
    mirrors: { 'docker.io': registry.host },
    config: { metrics: { port }, tracing: { endpoint: collector.endpoint, sample_ratio: 0 } },
  })
  const run = (...args: string[]) => berth(berthd.endpoint, args)
  using client = new PodClient(berthd)
  await client.pull()
  const config = client.sandboxConfig('traced')
  await run('trace', '--on')
  // As the kubelet calls when it traces.
  const metadata = { traceparent: `00-${traceId}-${kubeletSpan}-01` }
  const { podSandboxId: pod } = await client.runtime.runPodSandbox({ config }, { metadata })
  const containerConfig = client.containerConfig('c', 'sleep 1000')
  const containerId = await client.createContainer(pod, containerConfig)
  await client.runtime.startContainer({ containerId }, { metadata })

  const drawn = await run('trace', 'traced')
  for (const part of ['RunPodSandbox', 'CNI ADD bridge', 'CreateContainer', 'StartContainer', 'shim: start', 'runc']) {
    assert.match(drawn, new RegExp(`\\d+\\.\\d\\d.*█.* ${part}$`, 'm'))
  }
  const [calls = '', anatomy = ''] = drawn.split(/^pod /m)
  assert.ok((await run('trace', pod)).startsWith(calls), 'by its id, too')
  assert.match(anatomy, /^default\/traced, 10\.\d+\.\d+\.\d+: what there is of it on this node\n/)
  const { pid } = JSON.parse(await run('inspect', containerId)).info as { readonly pid: number }
  assert.match(
    anatomy,
    new RegExp(
      `^berthd +${berthd.pid} .*\n└─ berth-shim +${berthd.shims()[0]} .*\n {3}└─ c +${pid} +1 +0 +sleep 1000$`,
      'm',
    ),
  )
  const own = (kind: string) => /\d+/.exec(readlinkSync(`/proc/${pid}/ns/${kind}`))?.[0]
  for (const kind of ['net', 'ipc', 'uts', 'pid', 'mnt']) {
    assert.match(anatomy, new RegExp(`^${kind} +\\d+ +${own(kind)} `, 'm'))
  }
  assert.match(
    anatomy,
    new RegExp(`^c +\\S+ \\S+, no limit +1 +\\d\\.\\d\\d s +${berthd.place.cgroupParent}/${containerId}$`, 'm'),
  )
  assert.match(anatomy, /^ {2}\/ +overlay of 1 read-only layer of the image; what is written goes to \S+\/upper$/m)
  assert.match(anatomy, /^ {2}the node's +.*\/etc\/resolv\.conf/m)
  await run('trace', '--off')
  const root = await eventually('the spans are exported', () => spanOf(collector, 'StartContainer'))
  const sandbox = spanOf(collector, 'RunPodSandbox')
  const plugin = spanOf(collector, 'CNI ADD bridge')
  const runc = spanOf(collector, 'runc')
  assert.deepEqual([root.parentSpanId, sandbox?.parentSpanId], [kubeletSpan, kubeletSpan])
  assert.deepEqual(new Set(collector.spans().map((span) => span.traceId)), new Set([traceId]))
  assert.deepEqual(lineage(collector, plugin).at(-1), sandbox?.spanId)
  assert.deepEqual(lineage(collector, runc).at(-1), root.spanId)
  assert.ok(sandbox?.attributes.some(({ key, value }) => key === 'k8s.pod.name' && value.stringValue === 'traced'))
  // Its caller did not trace, and the ratio is 0.
  assert.equal(spanOf(collector, 'CreateContainer'), undefined)
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

function spanOf(collector: Collector, name: string): OtlpSpan | undefined {
  return collector.spans().find((span) => span.name === name)
}

/** The ids of the spans above a span, but for that of the kubelet, which is not here. */
function lineage(collector: Collector, span: OtlpSpan | undefined): string[] {
  const parent = collector.spans().find(({ spanId }) => spanId === span?.parentSpanId)
  return parent ? [parent.spanId, ...lineage(collector, parent)] : []
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../lib/log.ts'
import type { Span } from '../../lib/span.ts'
import type { Trace } from '../traces.ts'
import { SpanExporter } from './exporter.ts'
import { Collector } from './testing/collector.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentSpan = '00f067aa0ba902b7'
const at = (name: string, startedAt: number, ms?: number, children: Span[] = []): Span => ({
  name,
  startedAt,
  ...(ms !== undefined && { ms }),
  children,
})

function exporterTo({ endpoint }: Collector, gatherMs = 5) {
  return new SpanExporter({ endpoint, sampleRatio: 1, version: '1.2.3', log: silentLogger, gatherMs })
}

test('the spans of a call, below the span of its caller', async (t) => {
  await using collector = await Collector.start()
  await using exporter = exporterTo(collector)
  const call = {
    pod: { namespace: 'shop', name: 'web', uid: 'u-1' },
    container: 'nginx',
    rpc: 'CreateContainer',
  }
  const failed = { ...at('b', 1004, 6), error: 'no disk' }
  // One that goes on when the call has ended for its client.
  const root = at('CreateContainer', 1000.125, 10, [at('a', 1001, 2, [at('c', 1002)]), failed])
  exporter.add({ traceId, parentSpan, sandbox: 's', call, root } as Trace)
  await t.waitFor(() => assert.equal(exporter.exported, 4), { interval: 5, timeout: 5000 })
  const [span, a, c, b] = collector.spans()
  assert.deepEqual(
    [span, a, c, b].map((each) => each?.name),
    ['CreateContainer', 'a', 'c', 'b'],
  )
  assert.ok([span, a, c, b].every((each) => each?.traceId === traceId && /^[0-9a-f]{16}$/.test(each.spanId)))
  assert.deepEqual(
    [span, a, c, b].map((each) => each?.parentSpanId),
    [parentSpan, span?.spanId, a?.spanId, span?.spanId],
  )
  assert.deepEqual([span?.kind, a?.kind], [2, 1])
  assert.deepEqual([span?.startTimeUnixNano, span?.endTimeUnixNano], ['1000125000', '1010125000'])
  assert.deepEqual([c?.startTimeUnixNano, c?.endTimeUnixNano], ['1002000000', '1010125000'])
  assert.deepEqual(b?.status, { code: 2, message: 'no disk' })
  const attributes = Object.fromEntries(span?.attributes.map(({ key, value }) => [key, value.stringValue]) ?? [])
  assert.deepEqual(attributes, {
    'rpc.system': 'grpc',
    'rpc.method': 'CreateContainer',
    'k8s.namespace.name': 'shop',
    'k8s.pod.name': 'web',
    'k8s.pod.uid': 'u-1',
    'k8s.container.name': 'nginx',
    'berth.sandbox.id': 's',
  })
  const resource = collector.requests[0]?.resourceSpans[0]?.resource.attributes ?? []
  assert.ok(resource.some(({ key, value }) => key === 'service.name' && value.stringValue === 'berthd'))
})

test('without a caller that traces, a call is a trace of its own', async (t) => {
  await using collector = await Collector.start()
  await using exporter = exporterTo(collector)
  for (const name of ['one', 'two']) exporter.add({ root: at(name, 0, 1) })
  await t.waitFor(() => assert.equal(exporter.exported, 2), { interval: 5, timeout: 5000 })
  const [one, two] = collector.spans()
  assert.match(one?.traceId ?? '', /^[0-9a-f]{32}$/)
  assert.notEqual(one?.traceId, two?.traceId)
  assert.equal(one?.parentSpanId, undefined)
})

test('a collector that is busy gets them later, one that refuses them does not', async (t) => {
  await using collector = await Collector.start()
  await using exporter = exporterTo(collector)
  collector.status = 503
  exporter.add({ root: at('later', 0, 1) })
  await t.waitFor(() => assert.ok(collector.asked > 1), { interval: 5, timeout: 5000 })
  assert.equal(exporter.exported, 0)
  collector.status = 200
  await t.waitFor(() => assert.equal(exporter.exported, 1), { interval: 5, timeout: 5000 })
  collector.status = 400
  exporter.add({ root: at('refused', 0, 1) })
  await t.waitFor(() => assert.equal(exporter.dropped, 1), { interval: 5, timeout: 5000 })
  assert.deepEqual(
    collector.spans().map(({ name }) => name),
    ['later'],
  )
})

test('what a collector that is away does not take is not gathered for ever, and the rest is sent at the end', async () => {
  await using collector = await Collector.start()
  const exporter = exporterTo(collector, 60_000)
  collector.status = 503
  for (let count = 0; count < 5000; count++) exporter.add({ root: at('many', 0, 1) })
  assert.ok(exporter.dropped >= 5000 - 4096 - 512, String(exporter.dropped))
  collector.status = 200
  await exporter[Symbol.asyncDispose]()
  assert.ok(collector.spans().length > 0)
})

import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { isTraced, rootSpan, switchTracing } from '../lib/span.ts'
import { type Trace, Traces } from './traces.ts'

afterEach(() => switchTracing(false))

const trace = (name: string): Trace => ({ root: { name, startedAt: 0, ms: 1, children: [] } })
const tracing = () =>
  rootSpan(
    'a call',
    () => {},
    async () => isTraced(),
  )

test('calls are traced as long as the last are kept or a sink wants them', async () => {
  const traces = new Traces()
  const sent: string[] = []
  const sink = { sampleRatio: 1, add: ({ root }: Trace) => void sent.push(root.name) }
  assert.equal(await tracing(), false)
  traces.keep(true)
  traces.exportTo(sink)
  traces.add(trace('both'), true)
  traces.add(trace('kept'), false)
  traces.keep(false)
  assert.equal(await tracing(), true)
  traces.add(trace('sent'), true)
  traces.exportTo(undefined)
  assert.equal(await tracing(), false)
  assert.deepEqual(sent, ['both', 'sent'])
  assert.deepEqual(
    traces.list().map(({ root }) => root.name),
    ['kept', 'both'],
  )
})

test('the caller decides what is exported, and where it says nothing the ratio does', () => {
  const traces = new Traces()
  assert.equal(traces.isExported(true), false)
  traces.exportTo({ sampleRatio: 0, add() {} })
  assert.deepEqual(
    [true, false, undefined].map((sampled) => traces.isExported(sampled)),
    [true, false, false],
  )
  traces.exportTo({ sampleRatio: 1, add() {} })
  assert.deepEqual(
    [true, false, undefined].map((sampled) => traces.isExported(sampled)),
    [true, false, true],
  )
})

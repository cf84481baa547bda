import assert from 'node:assert/strict'
import { test } from 'node:test'
import { traceContextOf } from './trace-context.ts'

const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
const span = '00f067aa0ba902b7'

test('the trace of the caller, of this version and of later ones', () => {
  assert.deepEqual(traceContextOf(`00-${trace}-${span}-01`), { traceId: trace, parentSpan: span, sampled: true })
  assert.deepEqual(traceContextOf(`01-${trace}-${span}-03-more`), { traceId: trace, parentSpan: span, sampled: true })
  assert.deepEqual(traceContextOf(`00-${trace}-${span}-02`), { traceId: trace, parentSpan: span, sampled: false })
})

test('what is none is nothing', () => {
  const zeros = '0'.repeat(32)
  const others = ['', 'x', `ff-${trace}-${span}-01`, `00-${zeros}-${span}-01`, `00-${trace}-${zeros.slice(16)}-01`]
  for (const header of [...others, `00-${trace.toUpperCase()}-${span}-01`, `00-${trace}-${span}`]) {
    assert.equal(traceContextOf(header), undefined, header)
  }
  assert.equal(traceContextOf(undefined), undefined)
})

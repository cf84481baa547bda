import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram, Tally } from '../../lib/tally.ts'
import { counted, counter, exposition, gauge, histogram } from './exposition.ts'

test('the text that Prometheus reads', () => {
  const failures = new Tally('method', 'text')
  failures.add(['Pull', 'a "quoted"\\\nline'])
  const times = new Histogram([0.1, 1], 'method')
  for (const seconds of [0.05, 0.5, 0.75, 5]) times.observe(['Pull'], seconds)
  const text = exposition([
    gauge('a_gauge', 'One.', 1.5),
    gauge('a_state', 'By state.', counted('state', ['ready', 'ready'], ['unknown', 'ready'])),
    counter('some_total', 'Some.', failures),
    histogram('a_seconds', 'Times.', times),
  ])
  assert.equal(
    text,
    `# HELP a_gauge One.
# TYPE a_gauge gauge
a_gauge 1.5
# HELP a_state By state.
# TYPE a_state gauge
a_state{state="unknown"} 0
a_state{state="ready"} 2
# HELP some_total Some.
# TYPE some_total counter
some_total{method="Pull",text="a \\"quoted\\"\\\\\\nline"} 1
# HELP a_seconds Times.
# TYPE a_seconds histogram
a_seconds_bucket{method="Pull",le="0.1"} 1
a_seconds_bucket{method="Pull",le="1"} 3
a_seconds_bucket{method="Pull",le="+Inf"} 4
a_seconds_sum{method="Pull"} 6.3
a_seconds_count{method="Pull"} 4
`,
  )
})

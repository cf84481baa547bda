import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Measurements, type Metric } from './measurements.ts'

const metric: Metric = { id: 'pod.up', title: 'pod up', unit: 'ms', better: 'lower' }

test('values are kept by metric, number of pods and endpoint, in the order of the rounds', () => {
  const measurements = new Measurements()
  measurements.add(metric, 'a', 3)
  measurements.add(metric, 'b', 4)
  measurements.add(metric, 'a', 1)
  measurements.add(metric, 'a', 9, 50)
  assert.deepEqual(measurements.all(), [
    { ...metric, values: { a: [3, 1], b: [4] } },
    { ...metric, pods: 50, values: { a: [9] } },
  ])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LayersUnderWay } from './layers-under-way.ts'

test('there are CPUs left while there are fewer layers', () => {
  const found: string[] = []
  for (const cpus of [1, 2, 4]) {
    const ofPool = new LayersUnderWay(undefined, cpus)
    const ofWorker = new LayersUnderWay(ofPool.shared, cpus)
    for (let layers = 1; layers <= 4; layers++) {
      ofPool.begin()
      if (ofWorker.leaveCpus) found.push(`${layers} on ${cpus}`)
    }
    for (let layers = 1; layers <= 4; layers++) ofPool.end()
    assert.equal(ofWorker.leaveCpus, true)
  }
  assert.deepEqual(found, ['1 on 2', '1 on 4', '2 on 4', '3 on 4'])
})

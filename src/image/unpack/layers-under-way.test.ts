import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LayersUnderWay } from './layers-under-way.ts'

test('a layer leaves its own thread while there are CPUs for that', () => {
  const found: string[] = []
  for (const cpus of [1, 2, 4, 16]) {
    const ofPool = new LayersUnderWay(undefined, cpus)
    const ofWorker = new LayersUnderWay(ofPool.shared, cpus)
    for (let layers = 1; layers <= 4; layers++) {
      ofPool.begin()
      const { leaveCpus, leaveManyCpus } = ofWorker
      found.push(`${layers} on ${cpus}: ${leaveManyCpus ? 'all' : leaveCpus ? 'the blob' : 'nothing'}`)
    }
    for (let layers = 1; layers <= 4; layers++) ofPool.end()
    assert.equal(ofWorker.leaveCpus, true)
  }
  assert.deepEqual(found, [
    ...['1 on 1: nothing', '2 on 1: nothing', '3 on 1: nothing', '4 on 1: nothing'],
    ...['1 on 2: all', '2 on 2: nothing', '3 on 2: nothing', '4 on 2: nothing'],
    ...['1 on 4: all', '2 on 4: all', '3 on 4: the blob', '4 on 4: nothing'],
    ...['1 on 16: all', '2 on 16: all', '3 on 16: the blob', '4 on 16: the blob'],
  ])
})

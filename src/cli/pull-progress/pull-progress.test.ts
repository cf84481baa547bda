import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderBars } from './bars.ts'
import { describeChanges } from './changes.ts'
import type { LayerOfPull, Pull } from './pull.ts'

const layer: LayerOfPull = {
  digest: `sha256:${'ab'.repeat(32)}`,
  stage: 'downloading',
  totalBytes: 2_000_000,
  downloadedBytes: 1_000_000,
  unpackedBytes: 500_000,
}
const pull: Pull = { image: 'docker.io/library/busybox:latest', stage: 'downloading', layers: [layer] }

test('a layer is a bar of what is unpacked and what is downloaded', () => {
  assert.deepEqual(renderBars(pull, 100), [
    'downloading, 1MB of 2MB',
    'abababababab downloading [======------            ] 1MB of 2MB',
  ])
  assert.ok(renderBars(pull, 20).every((line) => line.length < 20))
  assert.deepEqual(renderBars({ ...pull, stage: 'resolving', layers: [] }, 80), ['resolving'])
  const odd = { ...layer, totalBytes: 0, downloadedBytes: 7, unpackedBytes: 9 }
  assert.match(renderBars({ ...pull, layers: [odd] }, 100)[1] ?? '', /\[ {24}\]/)
})

test('a log has a line for each change of stage', () => {
  const resolving = { ...pull, stage: 'resolving', layers: [] }
  assert.deepEqual(describeChanges(undefined, resolving), ['docker.io/library/busybox:latest: resolving'])
  assert.deepEqual(describeChanges(resolving, pull), [
    'docker.io/library/busybox:latest: downloading',
    'abababababab: downloading (2MB)',
  ])
  assert.deepEqual(describeChanges(pull, { ...pull, layers: [{ ...layer, downloadedBytes: 2_000_000 }] }), [])
})

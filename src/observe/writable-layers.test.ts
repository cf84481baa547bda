import assert from 'node:assert/strict'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { silentLogger } from '../lib/log.ts'
import { measureFolder } from './folder-usage.ts'
import { WritableLayers } from './writable-layers.ts'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'berth-layer-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function measure(path: string) {
  const walk = measureFolder(path)
  let step = walk.next()
  while (!step.done) step = walk.next()
  return step.value
}

test('what a folder takes: its folders too, a file with two names once, no link followed', (t) => {
  const path = folder(t)
  mkdirSync(join(path, 'a'))
  writeFileSync(join(path, 'a/file'), Buffer.alloc(100_000, 1))
  linkSync(join(path, 'a/file'), join(path, 'same'))
  symlinkSync('/etc', join(path, 'link'))
  const { bytes, inodes } = measure(path)
  assert.equal(inodes, 4)
  assert.ok(bytes >= 100_000 && bytes < 140_000, String(bytes))
  for (let n = 0; n < 1000; n++) writeFileSync(join(path, 'a', String(n)), '')
  assert.equal(measure(path).inodes, 1004)
  assert.deepEqual(measure(join(path, 'gone')), { bytes: 0, inodes: 0 })
})

test('a small layer is known at once, a large one soon, and neither is measured again at once', async (t) => {
  const small = folder(t)
  const large = folder(t)
  for (let n = 0; n < 400; n++) writeFileSync(join(large, String(n)), '')
  using layers = new WritableLayers(silentLogger)
  assert.equal(layers.usage('small', small).inodes, 1)
  assert.ok(layers.usage('large', large).inodes < 401)
  for (let tries = 0; layers.usage('large', large).inodes < 401 && tries < 100; tries++) await sleep(20)
  assert.equal(layers.usage('large', large).inodes, 401)
  writeFileSync(join(small, 'new'), '')
  assert.equal(layers.usage('small', small).inodes, 1)
  layers.forget('small')
  assert.equal(layers.usage('small', small).inodes, 2)
})

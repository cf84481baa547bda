import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { GrowingFileWriter } from './growing-file.ts'
import { UnpackPool } from './unpack-pool.ts'

async function blob(t: TestContext, name: string) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-pool-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const tar = pack()
  // Owned by whoever runs the test: no root needed.
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  tar.entry({ name, ...owner }, 'text')
  tar.finalize()
  const bytes = gzipSync(await buffer(tar))
  const file = new GrowingFileWriter(join(folder, 'blob'))
  writeFileSync(file.file.path, bytes)
  const limits = { maxBytes: 1e6, maxEntries: 10 }
  const target = join(folder, 'target')
  return {
    file,
    target,
    ready() {
      file.advance(bytes.length)
      file.complete()
    },
    task: {
      blob: file.file,
      expectedBytes: bytes.length,
      target,
      recipe: join(folder, 'recipe'),
      blobAlgorithm: 'sha256',
      diffAlgorithm: 'sha256',
      limits,
    },
  }
}

test('layers are unpacked by workers, so many at a time, the others after them', { timeout: 30_000 }, async (t) => {
  const pool = new UnpackPool(2)
  t.after(() => pool.close())
  const blobs = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => blob(t, name)))
  const results = blobs.map(({ task }) => pool.run(task))
  for (const { ready } of blobs) ready()
  for (const result of await Promise.all(results)) assert.match(result.unpacked?.diffId ?? '', /^sha256:/)
  assert.equal(readFileSync(join(blobs[4]?.target as string, 'e'), 'utf8'), 'text')
})

test('a task that fails, one that is abandoned, and the next', { timeout: 30_000 }, async (t) => {
  const pool = new UnpackPool(1)
  t.after(() => pool.close())
  const [bad, left, good] = await Promise.all(['a', 'b', 'c'].map((name) => blob(t, name)))
  assert.ok(bad && left && good)
  const failing = pool.run({ ...bad.task, blobAlgorithm: 'no such' })
  const leaving = pool.run(left.task)
  const working = pool.run(good.task)
  left.file.abandon()
  good.ready()
  await assert.rejects(failing, /Digest method not supported/)
  await assert.rejects(leaving, /not wanted any more/)
  assert.ok((await working).unpacked)
})

test('a pool that is closed ends what it does', { timeout: 30_000 }, async (t) => {
  const pool = new UnpackPool(1)
  const [running, waiting] = await Promise.all(['a', 'b'].map((name) => blob(t, name)))
  assert.ok(running && waiting)
  const works = [pool.run(running.task), pool.run(waiting.task)]
  const ends = Promise.allSettled(works)
  await pool.close()
  assert.deepEqual(
    (await ends).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await assert.rejects(pool.run(running.task), /closed/)
  assert.ok(!existsSync(running.target))
})

test('a large layer is decompressed by a thread of its own', { timeout: 30_000 }, async (t) => {
  const pool = new UnpackPool(1, 8)
  t.after(() => pool.close())
  const [good, left, cut, bad] = await Promise.all(['a', 'b', 'c', 'd'].map((name) => blob(t, name)))
  assert.ok(good && left && cut && bad)
  const large = { expectedBytes: 1e9 }
  const works = [good, left, cut].map(({ task }) => pool.run({ ...task, ...large }))
  const failing = pool.run({ ...bad.task, ...large, blobAlgorithm: 'no such' })
  good.ready()
  left.file.abandon()
  cut.file.advance(30)
  cut.file.complete()
  const [unpacked, abandoned, broken] = await Promise.allSettled(works)
  assert.ok(unpacked?.status === 'fulfilled' && unpacked.value.unpacked)
  assert.equal(readFileSync(join(good.target, 'a'), 'utf8'), 'text')
  assert.ok(abandoned?.status === 'rejected')
  assert.match(String(abandoned.reason), /not wanted any more/)
  assert.ok(broken?.status === 'fulfilled')
  assert.match(broken.value.failure?.message ?? '', /cut off|unexpected end/)
  assert.equal(broken.value.blobBytes, 30)
  await assert.rejects(failing, /Digest method not supported/)
})

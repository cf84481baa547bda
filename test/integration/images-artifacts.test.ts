import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Images, type ImagesOptions } from '../../src/image/images.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { unmount } from '../../src/linux/mount.ts'
import { mountLayers } from '../../src/pod/container-rootfs.ts'
import { openDatabase } from '../../src/state/database.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { FaultRegistry } from '../registry/fault-registry.ts'
import { buildArtifact, buildIndex, buildLayer, jsonBlob, pushImage, writeLayout } from '../registry/image-builder.ts'

/** OCI artifacts: pulled, kept as files, shown, removed. How a container sees them is in test/conformance. Needs root. */

interface Place {
  readonly root: string
  readonly open: (options?: Partial<ImagesOptions>) => Images
}

function place(t: TestContext): Place {
  const root = mkdtempSync(join(tmpdir(), 'berth-artifacts-'))
  const database = openDatabase(':memory:')
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const open = (options: Partial<ImagesOptions> = {}) => {
    const registry = { certsDirs: [], retry: { attempts: 2, firstDelayMs: 5, maxDelayMs: 5 } }
    const images = new Images({ root, database, log: silentLogger, inUse: () => [], ...options, registry })
    t.after(() => images.close())
    return images
  }
  return { root, open }
}

const filesOf = async (images: Images, name: string) => {
  const { layerDirs } = await images.useForVolume(name)
  const files = layerDirs.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')]),
  )
  return Object.fromEntries(files) as Record<string, string>
}

test('an artifact is pulled, shown, kept over a restart, and removed with what only it has', async (t) => {
  const registry = await DockerRegistry.start()
  t.after(() => registry.stop())
  const { open, root } = place(t)
  const used = new Set<string>()
  let images = open({ inUse: () => used, pinned: [`${registry.host}/models:v1`] })
  const shared = { title: 'config/tokenizer.json', data: '{"a":1}' }
  // A tar of an artifact stays a tar.
  const tar = buildLayer([{ name: 'inside', data: 'x' }], { compression: 'none' })
  const first = buildArtifact([
    { title: 'weights', data: 'one' },
    shared,
    { data: 'no name' },
    { title: 'copy', data: 'one' },
    { title: 'files.tar', data: tar.bytes, mediaType: tar.mediaType },
  ])
  const second = buildArtifact([{ title: 'weights', data: 'two' }, shared])
  const digest = await pushImage(registry.host, 'models', 'v1', first)
  await pushImage(registry.host, 'models', 'v2', buildIndex([second]))
  const name = `${registry.host}/models`
  assert.equal((await images.pull({ image: `${name}:v1` })).imageId, digest)
  assert.equal((await images.pull({ image: `${name}:v2` })).imageId, second.manifest.digest)
  assert.equal((await images.pull({ image: `${name}:v1` })).imageId, digest, 'the second time it is here')

  const unnamed = first.layers[2]?.digest.slice('sha256:'.length) as string
  const content = { weights: 'one', copy: 'one', 'config/tokenizer.json': '{"a":1}', [unnamed]: 'no name' }
  assert.deepEqual(await filesOf(images, `${name}:v1`), { ...content, 'files.tar': tar.bytes.toString() })
  const [folder] = (await images.useForVolume(digest)).layerDirs
  const { mode, uid } = statSync(join(folder as string, 'weights'))
  assert.deepEqual([mode & 0o7777, uid, statSync(folder as string).mode & 0o7777], [0o644, 0, 0o755])
  assert.equal(readdirSync(join(root, 'layers')).length, 6, 'the file that both have is stored once')

  await images.close()
  images = open({ inUse: () => used, pinned: [`${name}:v1`] })
  const shown = images.status(`${name}@${digest}`)
  assert.deepEqual(
    [shown?.id, shown?.artifactType, shown?.repoTags, shown?.repoDigests, shown?.pinned, shown?.user],
    [digest, 'application/vnd.example.model', [`${name}:v1`], [`${name}@${digest}`], true, { uid: 0 }],
  )
  assert.equal(
    shown?.sizeBytes,
    [...first.layers, first.config].reduce((sum, { size }) => sum + size, 0),
  )
  assert.equal(images.list().length, 2)
  await assert.rejects(images.use(`${name}:v1`), {
    code: 'failed-precondition',
    message: /is an artifact .*no container/,
  })
  assert.throws(() => images.save(`${name}:v1`, 'oci-archive'), {
    code: 'failed-precondition',
    message: /is an artifact/,
  })

  // A file that somebody deleted from the disk comes back.
  rmSync(folder as string, { recursive: true })
  assert.equal((await filesOf(images, `${name}:v1`)).weights, 'one')

  used.add(digest)
  const { layerDirs } = await images.useForVolume(digest)
  await images.remove(`${name}:v1`)
  assert.deepEqual(
    images.list().map(({ id }) => id),
    [second.manifest.digest],
  )
  assert.ok(
    layerDirs.every((path) => existsSync(path)),
    'a container has it mounted',
  )
  used.clear()
  await images.sweep()
  assert.equal(readdirSync(join(root, 'layers')).length, 2)
  assert.deepEqual(await filesOf(images, `${name}:v2`), { weights: 'two', 'config/tokenizer.json': '{"a":1}' })
  await images.remove(second.manifest.digest)
  assert.deepEqual(readdirSync(join(root, 'layers')), [])
})

test('artifacts without files, with a configuration of their own, and out of a layout', async (t) => {
  const registry = await FaultRegistry.start()
  t.after(() => registry[Symbol.asyncDispose]())
  const { open, root } = place(t)
  const images = open()
  const empty = { data: '{}', mediaType: 'application/vnd.oci.empty.v1+json' }
  registry.add('empty', 'latest', buildArtifact([empty]))
  await images.pull({ image: `${registry.host}/empty` })
  assert.deepEqual(await filesOf(images, `${registry.host}/empty`), {})
  const chart = 'application/vnd.cncf.helm.config.v1+json'
  registry.add('chart', 'latest', buildArtifact([{ title: 'chart.tgz', data: 'c' }], '', chart))
  await images.pull({ image: `${registry.host}/chart` })
  assert.equal(images.status(`${registry.host}/chart`)?.artifactType, chart)
  const layout = join(root, 'layout')
  writeLayout(layout, 'example.org/a:1', buildArtifact([{ title: 'a', data: 'loaded' }]))
  await images.load(layout)
  assert.deepEqual(await filesOf(images, 'example.org/a:1'), { a: 'loaded' })
})

test('as many files as an artifact can have are one volume', async (t) => {
  const registry = await FaultRegistry.start()
  t.after(() => registry[Symbol.asyncDispose]())
  const { open, root } = place(t)
  const images = open()
  const items = Array.from({ length: 500 }, (_, at) => ({ title: `part-${at}`, data: `${at}` }))
  registry.add('many', 'latest', buildArtifact(items))
  await images.pull({ image: `${registry.host}/many` })
  const { layerDirs } = await images.useForVolume(`${registry.host}/many`)
  const target = join(root, 'mounted')
  mkdirSync(target)
  mountLayers({ layers: layerDirs, target, scratch: join(root, 'scratch') }, undefined)
  try {
    assert.equal(readdirSync(target).length, 500)
    assert.equal(readFileSync(join(target, 'part-499'), 'utf8'), '499')
  } finally {
    unmount(target)
  }
})

test('hostile artifacts are refused, and nothing of them stays', async (t) => {
  const registry = await FaultRegistry.start()
  t.after(() => registry[Symbol.asyncDispose]())
  const { open, root } = place(t)
  const images = open({ limits: { maxBytes: 1000, maxEntries: 10 } })
  const pull = async (code: string, message: RegExp) => {
    await assert.rejects(images.pull({ image: `${registry.host}/bad` }), { code, message })
    await images.sweep()
    for (const name of ['layers', 'staging', 'trash', 'ingest'])
      assert.deepEqual(readdirSync(join(root, name)), [], name)
    assert.deepEqual(images.list(), [])
  }
  for (const [title, why] of [
    ['../../../../etc/cron.d/x', /leads out of the artifact/],
    ['/etc/passwd', /absolute path/],
    ['a\u001b[2J', /control characters/],
    ['good', /several files at "good"/],
    ['good/below', /several files at "good"/],
  ] as const) {
    registry.add(
      'bad',
      'latest',
      buildArtifact([
        { title: 'good', data: 'g' },
        { title, data: 'b' },
      ]),
    )
    await pull('failed-precondition', why)
  }
  registry.add('bad', 'latest', buildArtifact([{ title: 'large', data: 'x'.repeat(1001) }]))
  await pull('failed-precondition', /has 1001 bytes, more than the 1000/)
  const file = buildArtifact([{ title: 'f', data: 'as promised' }])
  registry.add('bad', 'latest', file)
  const [blob] = file.layers
  for (const bytes of ['as promise!', 'as promised and more', 'as']) {
    const sent = Buffer.from(bytes)
    registry.plan = ({ url }) => (url.includes(blob?.digest as string) ? { do: 'replace', bytes: sent } : undefined)
    await pull('unknown', /is not what was promised/)
  }
  registry.plan = () => undefined
  const manifest = JSON.parse(file.manifest.bytes.toString()) as { layers: object[] }
  for (const change of [{ digest: 'sha256:../../x' }, { size: -1 }, { size: 1e300 }]) {
    const document = { ...manifest, layers: [{ ...manifest.layers[0], ...change }] }
    registry.addManifest('bad', 'latest', jsonBlob(file.manifest.mediaType, document))
    await pull('failed-precondition', /damaged/)
  }
})

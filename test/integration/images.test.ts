import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { Images, type ImagesOptions } from '../../src/image/images.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { mountOverlay, unmount } from '../../src/linux/mount.ts'
import { openDatabase } from '../../src/state/database.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { buildImage, buildIndex, buildLayer, busyboxImage, pushImage, writeLayout } from '../registry/image-builder.ts'

/** Real pulls from Debian's docker-registry into a store of their own. Needs root: layers have owners. */

let registry: DockerRegistry
before(async () => {
  registry = await DockerRegistry.start()
})
after(() => registry.stop())

function open(t: TestContext, options: Partial<ImagesOptions> = {}): Images {
  const root = options.root ?? mkdtempSync(join(tmpdir(), 'berth-images-'))
  const database = options.database ?? openDatabase(':memory:')
  const images = new Images({
    root,
    database,
    log: silentLogger,
    inUse: () => [],
    ...options,
    registry: { certsDirs: [], ...options.registry },
  })
  t.after(async () => {
    await images.close()
    rmSync(root, { recursive: true, force: true })
  })
  return images
}

test('an image of two layers is pulled, listed, used and removed', async (t) => {
  const images = open(t)
  const image = buildImage({
    layers: [
      buildLayer([{ name: 'etc/' }, { name: 'etc/a', data: 'lower' }, { name: 'etc/b', data: 'b' }]),
      buildLayer([{ name: 'etc/a', data: 'upper' }, { name: 'etc/.wh.b' }]),
    ],
    config: { Cmd: ['/bin/sh'], User: '1000:1000' },
  })
  const digest = await pushImage(registry.host, 'two/layers', 'v1', image)
  const name = `${registry.host}/two/layers`
  const { imageId } = await images.pull({ image: `${name}:v1` })
  assert.equal(imageId, image.id)
  const [stored] = images.list()
  assert.deepEqual(stored?.repoTags, [`${name}:v1`])
  assert.deepEqual(stored?.repoDigests, [`${name}@${digest}`])
  assert.deepEqual(stored?.user, { uid: 1000 })
  const { layerDirs, config } = await images.use(`${name}:v1`)
  assert.equal(layerDirs.length, 2)
  assert.deepEqual(config.cmd, ['/bin/sh'])
  assert.equal(readFileSync(join(layerDirs[0] as string, 'etc/a'), 'utf8'), 'lower')
  assert.equal(readFileSync(join(layerDirs[1] as string, 'etc/a'), 'utf8'), 'upper')
  const whiteout = lstatSync(join(layerDirs[1] as string, 'etc/b'))
  assert.ok(whiteout.isCharacterDevice() && whiteout.rdev === 0)
  await images.remove(imageId)
  assert.deepEqual(images.list(), [])
  await images.sweep()
  assert.deepEqual(
    layerDirs.map((path) => existsSync(path)),
    [false, false],
  )
})

test('busybox in each format', async (t) => {
  const images = open(t)
  for (const format of ['oci', 'docker'] as const) {
    const image = busyboxImage({ Cmd: ['/bin/sh'], Labels: { format } }, format)
    const other = buildImage({
      layers: [buildLayer([{ name: 'x', data: format }])],
      platform: { os: 'linux', architecture: 's390x' },
      format,
    })
    await pushImage(registry.host, `busybox-${format}`, 'single', image)
    await pushImage(registry.host, `busybox-${format}`, 'multi', buildIndex([other, image], format))
    for (const tag of ['single', 'multi']) {
      const { imageId } = await images.pull({ image: `${registry.host}/busybox-${format}:${tag}` })
      assert.equal(imageId, image.id, `${format} ${tag}`)
    }
  }
  const dirs = await Promise.all(images.list().map(async ({ id }) => (await images.use(id)).layerDirs))
  assert.equal(dirs.length, 2)
  assert.deepEqual(dirs[0], dirs[1], 'the layer is stored once')
  assert.ok(readdirSync(join(dirs[0]?.[0] as string, 'bin')).length > 200)
})

test('zstd and uncompressed layers, duplicates of a layer, an image without layers', async (t) => {
  const images = open(t)
  const zstd = buildLayer([{ name: 'z', data: 'zstd' }], { compression: 'zstd' })
  const plain = buildLayer([{ name: 'p', data: 'plain' }], { compression: 'none' })
  await pushImage(registry.host, 'mixed', 'latest', buildImage({ layers: [zstd, plain, zstd] }))
  await images.pull({ image: `${registry.host}/mixed` })
  const { layerDirs } = await images.use(`${registry.host}/mixed`)
  assert.deepEqual(
    layerDirs.map((path) => readdirSync(path)),
    [['p'], ['z']],
    'overlayfs takes a folder only once',
  )
  await pushImage(registry.host, 'empty', 'latest', buildImage({ layers: [] }))
  await images.pull({ image: `${registry.host}/empty` })
  assert.deepEqual(
    (await images.use(`${registry.host}/empty`)).layerDirs.map((path) => readdirSync(path)),
    [[]],
  )
})

test('a layer so large that it gets a thread of its own, in each compression', async (t) => {
  const images = open(t)
  const data = randomBytes(33 * 1024 * 1024)
  for (const compression of ['gzip', 'zstd', 'none'] as const) {
    const layer = buildLayer([{ name: 'data', data }], { compression })
    assert.ok(layer.size > 32 * 1024 * 1024)
    await pushImage(registry.host, 'large/layer', compression, buildImage({ layers: [layer] }))
    const name = `${registry.host}/large/layer:${compression}`
    const { imageId } = await images.pull({ image: name })
    const { layerDirs } = await images.use(name)
    assert.ok(readFileSync(join(layerDirs[0] as string, 'data')).equals(data))
    await images.remove(imageId)
    await images.sweep()
  }
})

test('the layers of an image make an overlay', async (t) => {
  const images = open(t)
  const lower = buildLayer([
    { name: 'd/' },
    { name: 'd/old', data: 'o' },
    { name: 'gone', data: 'g' },
    { name: 'kept', data: 'k' },
  ])
  const upper = buildLayer([{ name: 'd/.wh..wh..opq' }, { name: 'd/new', data: 'n' }, { name: '.wh.gone' }])
  await pushImage(registry.host, 'overlay', 'latest', buildImage({ layers: [lower, upper] }))
  await images.pull({ image: `${registry.host}/overlay` })
  const { layerDirs } = await images.use(`${registry.host}/overlay`)
  const target = mkdtempSync(join(tmpdir(), 'berth-overlay-'))
  mountOverlay({ lower: layerDirs, target })
  try {
    assert.deepEqual(readdirSync(target).sort(), ['d', 'kept'])
    assert.deepEqual(readdirSync(join(target, 'd')), ['new'])
  } finally {
    unmount(target)
    rmSync(target, { recursive: true })
  }
})

test('folders that a layer only implies look as lower layers have them', async (t) => {
  const images = open(t)
  const base = buildLayer([
    { name: 'srv/', mode: 0o2775, uid: 7, gid: 8, mtime: 1000 },
    { name: 'srv/data/', mode: 0o700, uid: 9, mtime: 2000 },
    { name: 'gone/', mode: 0o711 },
    { name: 'link', type: '2', linkname: '/etc' },
  ])
  const other = buildLayer([{ name: 'srv/', mode: 0o1777, mtime: 5000 }])
  const upper = buildLayer([
    { name: 'srv/data/file', data: 'x' },
    { name: '.wh.gone' },
    { name: 'gone/file', data: 'new' },
    { name: 'link/file', data: 'y' },
  ])
  await pushImage(registry.host, 'implied', 'one', buildImage({ layers: [base, upper] }))
  await pushImage(registry.host, 'implied', 'other', buildImage({ layers: [other, upper] }))
  const target = mkdtempSync(join(tmpdir(), 'berth-overlay-'))
  t.after(() => rmSync(target, { recursive: true }))
  const look = async (tag: string, paths: readonly string[]) => {
    await images.pull({ image: `${registry.host}/implied:${tag}` })
    mountOverlay({ lower: (await images.use(`${registry.host}/implied:${tag}`)).layerDirs, target })
    try {
      return paths.map((path) => {
        const { mode, uid, gid, mtimeMs } = lstatSync(join(target, path))
        return [path, (mode & 0o7777).toString(8), uid, gid, path.startsWith('srv') ? mtimeMs / 1000 : 0]
      })
    } finally {
      unmount(target)
    }
  }
  assert.deepEqual(await look('one', ['srv', 'srv/data', 'gone', 'link']), [
    ['srv', '2775', 7, 8, 1000],
    ['srv/data', '700', 9, 0, 2000],
    ['gone', '755', 0, 0, 0],
    ['link', '755', 0, 0, 0],
  ])
  // The same layer on another one below.
  assert.deepEqual(await look('other', ['srv']), [['srv', '1777', 0, 0, 5000]])
  for (const { id } of images.list()) await images.remove(id)
  await images.sweep()
  assert.equal(images.fsInfo().usedBytes, 0)
})

test('a private registry (htpasswd)', async (t) => {
  // bcrypt of "testpassword".
  const htpasswd = 'testuser:$2b$04$3bgEcjkvL5Vr5h4WjZ8KXugJdCGWWE/Hhgz8rQCUxigYRHWFIlhq6\n'
  await using locked = await DockerRegistry.start({ htpasswd })
  const images = open(t)
  const authorization = `Basic ${Buffer.from('testuser:testpassword').toString('base64')}`
  await pushImage(locked.host, 'private', 'latest', busyboxImage(), { authorization })
  const image = `${locked.host}/private`
  await assert.rejects(images.pull({ image }), { code: 'unauthenticated' })
  await assert.rejects(images.pull({ image, auth: { username: 'testuser', password: 'wrong' } }), {
    code: 'unauthenticated',
  })
  const { imageId } = await images.pull({ image, auth: { username: 'testuser', password: 'testpassword' } })
  // It is here, and still only for those who may have it.
  await assert.rejects(images.pull({ image }), { code: 'unauthenticated' })
  assert.deepEqual(await images.pull({ image, auth: { auth: authorization.slice('Basic '.length) } }), { imageId })
})

test('concurrent pulls of images that share layers', async (t) => {
  const images = open(t)
  const shared = Array.from({ length: 6 }, (_, at) => buildLayer([{ name: `f${at}`, data: `${at}`.repeat(200_000) }]))
  const built = Array.from({ length: 5 }, (_, at) =>
    buildImage({ layers: [...shared, buildLayer([{ name: 'own', data: `${at}` }])] }),
  )
  for (const [at, image] of built.entries()) await pushImage(registry.host, `shared${at}`, 'v1', image)
  const pulls = built
    .flatMap((_, at) => [at, at])
    .map((at) => images.pull({ image: `${registry.host}/shared${at}:v1` }))
  const ids = new Set((await Promise.all(pulls)).map(({ imageId }) => imageId))
  assert.equal(ids.size, 5)
  const used = await Promise.all(images.list().map(({ id }) => images.use(id)))
  const dirs = new Set(used.flatMap(({ layerDirs }) => layerDirs))
  assert.equal(dirs.size, 6 + 5)
  const before = images.fsInfo()
  assert.ok(before.usedBytes > 6 * 200_000 && before.inodesUsed >= 11 && before.timestamp > 0n)
  assert.ok(existsSync(before.mountpoint))
  await images.remove(`${registry.host}/shared0:v1`)
  await images.sweep()
  assert.equal([...dirs].filter((path) => existsSync(path)).length, 6 + 4, 'shared layers stay')
  for (const { id } of images.list()) await images.remove(id)
  await images.sweep()
  assert.deepEqual([images.fsInfo().usedBytes, images.fsInfo().inodesUsed], [0, 0])
})

test('by digest, by tag and digest, by id, by the start of an id; removing twice', async (t) => {
  const images = open(t)
  const image = busyboxImage({ Cmd: ['a'] })
  const index = buildIndex([image])
  const digest = await pushImage(registry.host, 'named', 'v1', index)
  const name = `${registry.host}/named`
  await images.pull({ image: `${name}@${digest}` })
  assert.deepEqual(images.list()[0]?.repoTags, [])
  await images.pull({ image: `${name}:v1@${digest}` })
  assert.deepEqual(images.list()[0]?.repoTags, [], 'a digest decides alone')
  await images.pull({ image: `${name}:v1` })
  assert.deepEqual(images.list()[0]?.repoTags, [`${name}:v1`])
  assert.deepEqual(images.list()[0]?.repoDigests, [`${name}@${digest}`])
  for (const text of [`${name}:v1`, `${name}@${digest}`, image.id, image.id.slice(7), image.id.slice(7, 20)]) {
    assert.equal(images.status(text)?.id, image.id, text)
    assert.deepEqual(
      images.list(text).map(({ id }) => id),
      [image.id],
    )
  }
  for (const text of [name, `${name}:v2`, 'sha256:abcd', 'abcd', 'not a reference', '']) {
    if (text !== '') assert.deepEqual(images.list(text), [])
    assert.equal(images.status(text), undefined, text)
    await images.remove(text)
  }
  assert.equal(images.list().length, 1)
  await images.remove(`${name}:v1`)
  assert.deepEqual(images.list(), [], 'removing a tag removes the image, as containerd does')
  await images.remove(`${name}:v1`)
  await assert.rejects(images.use(`${name}:v1`), /pull it first/)
})

test('an OCI layout: a folder, a tar, a compressed tar; as skopeo writes it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-layout-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const image = busyboxImage({ Cmd: ['/bin/true'] })
  writeLayout(join(folder, 'layout'), 'localhost/loaded:v1', image)
  execFileSync('tar', ['-C', join(folder, 'layout'), '-cf', join(folder, 'layout.tar'), '.'])
  execFileSync('tar', [
    '-C',
    join(folder, 'layout'),
    '-czf',
    join(folder, 'layout.tgz'),
    'index.json',
    'oci-layout',
    'blobs',
  ])
  for (const name of ['layout', 'layout.tar', 'layout.tgz']) {
    const images = open(t)
    const [loaded] = await images.load(join(folder, name))
    assert.equal(loaded?.id, image.id)
    assert.deepEqual(loaded?.repoTags, ['localhost/loaded:v1'])
    assert.ok(existsSync(join((await images.use('localhost/loaded:v1')).layerDirs[0] as string, 'bin/busybox')))
  }
  const images = open(t)
  await assert.rejects(images.load(join(folder, 'nothing')), /no such file/)
  await assert.rejects(images.load('/etc/passwd'), /no tar of an OCI layout/)
  await assert.rejects(images.load('/etc'), /no complete OCI layout/)
  writeLayout(join(folder, 'tagged'), 'v7', buildIndex([image]))
  await assert.rejects(images.load(join(folder, 'tagged')), /give one/)
  assert.deepEqual((await images.load(join(folder, 'tagged'), 'localhost/base'))[0]?.repoTags, ['localhost/base:v7'])
  const blob = join(folder, 'tagged/blobs', image.layers[0]?.digest.replace(':', '/') as string)
  await images.remove('localhost/base:v7')
  writeFileSync(blob, readFileSync(blob).fill(0, 100, 200))
  await assert.rejects(images.load(join(folder, 'tagged'), 'localhost/base'), /not what was promised/)
  assert.ok(existsSync(blob), "somebody else's file is left alone")
  await images.sweep()
  assert.equal(images.fsInfo().usedBytes, 0)
})

test('an image that skopeo copied, in both formats', { skip: !existsSync('/usr/bin/skopeo') }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-layout-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeLayout(join(folder, 'layout'), 'v1', busyboxImage())
  const images = open(t)
  for (const format of ['oci', 'v2s2']) {
    const target = `docker://${registry.host}/skopeo:${format}`
    const quiet = ['--insecure-policy', 'copy', '-q', '--dest-tls-verify=false', `--format=${format}`]
    execFileSync('skopeo', [...quiet, `oci:${join(folder, 'layout')}:v1`, target])
    await images.pull({ image: `${registry.host}/skopeo:${format}` })
    assert.ok(
      existsSync(join((await images.use(`${registry.host}/skopeo:${format}`)).layerDirs[0] as string, 'bin/sh')),
    )
  }
})

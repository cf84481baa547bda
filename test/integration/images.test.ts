import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test, type TestContext } from 'node:test'
import { Images, type ImagesOptions } from '../../src/image/images.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { openDatabase } from '../../src/state/database.ts'
import { DockerRegistry } from '../registry/docker-registry.ts'
import { buildImage, buildIndex, buildLayer, busyboxImage, pushImage } from '../registry/image-builder.ts'

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
  const { layerDirs, config } = images.use(`${name}:v1`)
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
  const dirs = images.list().map(({ id }) => images.use(id).layerDirs)
  assert.equal(dirs.length, 2)
  assert.deepEqual(dirs[0], dirs[1], 'the layer is stored once')
  assert.ok(readdirSync(join(dirs[0]?.[0] as string, 'bin')).length > 200)
})

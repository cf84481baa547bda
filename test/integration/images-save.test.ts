import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { Images } from '../../src/image/images.ts'
import type { ArchiveFormat } from '../../src/image/save/archive.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { openDatabase } from '../../src/state/database.ts'
import { FaultRegistry } from '../registry/fault-registry.ts'
import { buildImage, buildLayer, busyboxImage } from '../registry/image-builder.ts'

/** Images that are saved, and loaded elsewhere. Needs root: layers have owners. */

const formats: readonly ArchiveFormat[] = ['oci-archive', 'docker-archive']

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-save-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function open(t: TestContext, root = folderFor(t)): Images {
  const database = openDatabase(':memory:')
  const images = new Images({ root, database, log: silentLogger, inUse: () => [], registry: { certsDirs: [] } })
  t.after(() => images.close())
  return images
}

async function serve(t: TestContext): Promise<FaultRegistry> {
  const registry = await FaultRegistry.start()
  t.after(() => registry[Symbol.asyncDispose]())
  return registry
}

function save(images: Images, image: string, format: ArchiveFormat = 'oci-archive'): Promise<Buffer> {
  return buffer(Readable.from(images.save(image, format)))
}

/** Everything about the files of a layer. Folders that no entry names, and whiteouts, are as old as their unpacking. */
function treeOf(folder: string): string {
  const timeless = '\\( -type d -o -type c \\)'
  const find = `find . ${timeless} -printf '%P %y %m %U %G\\n' -o -printf '%P %y %m %U %G %s %n %l %T@\\n' | sort`
  const pax = "--format=posix --pax-option='exthdr.name=%d/%f,delete=atime,delete=ctime'"
  const content = `tar --sort=name --mtime=@0 --xattrs --xattrs-include='*' ${pax} --numeric-owner -c . | sha256sum`
  return execFileSync('sh', ['-c', `${find}; ${content}`], { cwd: folder, encoding: 'utf8' })
}

/** Layers with all that a tar can have. */
function richImage() {
  const random = (length: number) => Buffer.from(Array.from({ length }, (_, at) => (at * 7919) % 251))
  return buildImage({
    layers: [
      buildLayer([
        { name: 'etc/', mode: 0o750, uid: 3, gid: 4, mtime: 1_500_000_000 },
        { name: 'etc/big', data: random(700_001), mode: 0o4755, pax: { mtime: '1500000000.123456789' } },
        { name: 'etc/empty', data: '' },
        { name: 'etc/link', type: '2', linkname: '/etc/big' },
        { name: 'etc/hard', type: '1', linkname: 'etc/big' },
        { name: 'dev/null', type: '3', devmajor: 1, devminor: 3 },
        { name: `${'long/'.repeat(40)}name`, data: 'long' },
        { name: 'p\u{e4}th', data: 'umlaut', pax: { 'SCHILY.xattr.user.note': Buffer.from([1, 0, 255]) } },
      ]),
      buildLayer([{ name: 'etc/.wh.empty', data: 'a whiteout with content' }], { compression: 'zstd' }),
      buildLayer([], { compression: 'none' }),
    ],
    config: { Cmd: ['/bin/true'], Labels: { a: '\u{e4}' } },
  })
}

test('pulled, saved, loaded elsewhere: the same image, the same layers', async (t) => {
  const registry = await serve(t)
  const image = richImage()
  registry.add('rich', 'v1', image)
  const first = open(t)
  const name = `${registry.host}/rich:v1`
  const { imageId } = await first.pull({ image: name })
  const before = await first.use(imageId)
  for (const format of formats) {
    const archive = await save(first, name, format)
    const second = open(t)
    const [loaded] = await second.loadTar(Readable.from([archive]), 'the archive')
    assert.equal(loaded?.id, imageId)
    assert.deepEqual(loaded?.repoTags, [name])
    assert.equal(loaded?.configJson, before.stored.configJson)
    const after = await second.use(imageId)
    assert.deepEqual(after.layerDirs.map(treeOf), before.layerDirs.map(treeOf))
    assert.deepEqual(await save(second, imageId, format), archive, 'and saved again it is the same archive')
  }
})

test('an image under several names, by id, without a tag, without layers', async (t) => {
  const registry = await serve(t)
  registry.add('box', 'a', busyboxImage())
  registry.add('box', 'b', busyboxImage())
  registry.add('none', 'latest', buildImage({ layers: [] }))
  const first = open(t)
  const { imageId } = await first.pull({ image: `${registry.host}/box:a` })
  await first.pull({ image: `${registry.host}/box:b` })
  const namesIn = async (image: string) => {
    const [loaded] = await open(t).loadTar(
      Readable.from([await save(first, image)]),
      'the archive',
      'localhost/unnamed',
    )
    return loaded?.repoTags
  }
  const both = [`${registry.host}/box:a`, `${registry.host}/box:b`]
  assert.deepEqual(await namesIn(both[1]!), [both[1]])
  assert.deepEqual(await namesIn(imageId), both)
  const empty = await first.pull({ image: `${registry.host}/none` })
  assert.deepEqual(await namesIn(empty.imageId), [`${registry.host}/none:latest`])
  await first.remove(imageId)
  const [, digest] = Object.values(registry.requests(/box\/manifests\/a/)[0] ?? {})
  assert.ok(digest)
  const manifest = busyboxImage().manifest.digest
  await first.pull({ image: `${registry.host}/box@${manifest}` })
  assert.deepEqual(await namesIn(imageId), ['localhost/unnamed:latest'])
})

test('other tools read what was saved', { skip: !existsSync('/usr/bin/skopeo') }, async (t) => {
  const registry = await serve(t)
  registry.add('rich', 'v1', richImage())
  const images = open(t)
  const name = `${registry.host}/rich:v1`
  const { imageId } = await images.pull({ image: name })
  const folder = folderFor(t)
  for (const format of formats) {
    const path = join(folder, `${format}.tar`)
    writeFileSync(path, await save(images, name, format))
    const skopeo = (...args: string[]) =>
      execFileSync('skopeo', ['--insecure-policy', '--tmpdir', folder, ...args], { encoding: 'utf8' })
    const { Layers } = JSON.parse(skopeo('inspect', `${format}:${path}`)) as { Layers: string[] }
    assert.deepEqual(Layers, images.status(name)?.diffIds)
    // A copy checks all digests.
    skopeo('copy', '-q', `${format}:${path}`, `dir:${join(folder, format)}`)
    assert.ok(readdirSync(join(folder, format)).includes(imageId.slice('sha256:'.length)))
  }
})

test('a layer that is not what it was is refused, and leads nowhere', async (t) => {
  const registry = await serve(t)
  const layer = buildLayer([
    { name: 'a/file', data: 'x'.repeat(1000) },
    { name: 'a/other', data: 'y' },
  ])
  registry.add('a', 'latest', buildImage({ layers: [layer] }))
  const root = folderFor(t)
  const images = open(t, root)
  const name = `${registry.host}/a`
  await images.pull({ image: name })
  const [dir] = (await images.use(name)).layerDirs
  const file = join(dir as string, 'a/file')
  const changed = /cannot be made again as it came .*remove the image and pull it again/
  const outside = join(folderFor(t), 'secret')
  writeFileSync(outside, 'x'.repeat(1000))
  for (const damage of [
    () => writeFileSync(file, 'z'.repeat(1000)),
    () => writeFileSync(file, 'too short'),
    () => unlinkSync(file),
    // The right content, but from elsewhere.
    () => symlinkSync(outside, file),
  ]) {
    damage()
    await assert.rejects(save(images, name), changed)
  }
  unlinkSync(file)
  writeFileSync(file, 'x'.repeat(1000))
  assert.ok(await save(images, name), 'it is the content that counts')
  rmSync(join(root, 'recipes'), { recursive: true })
  assert.throws(() => images.save(name, 'oci-archive'), /was not noted.*pull it again/)
  assert.throws(() => images.save('no/such:image', 'oci-archive'), /pull it first/)
})

test('an image that is removed while it is saved keeps its layers until then; a reader that goes ends it', async (t) => {
  const registry = await serve(t)
  registry.add('box', 'v1', busyboxImage())
  const root = folderFor(t)
  const images = open(t, root)
  const name = `${registry.host}/box:v1`
  await images.pull({ image: name })
  const archive = images.save(name, 'oci-archive')
  const pieces = [(await archive.next()).value as Uint8Array]
  await images.remove(name)
  for await (const piece of archive) pieces.push(piece)
  const [loaded] = await open(t).loadTar(Readable.from([Buffer.concat(pieces)]), 'the archive')
  assert.deepEqual(loaded?.repoTags, [name])
  await images.sweep()
  for (const folder of ['layers', 'recipes']) assert.deepEqual(readdirSync(join(root, folder)), [], folder)

  await images.pull({ image: name })
  const left = images.save(name, 'oci-archive')
  await left.next()
  await left.return(undefined)
  await images.remove(name)
  await images.sweep()
  assert.deepEqual(readdirSync(join(root, 'layers')), [])
})

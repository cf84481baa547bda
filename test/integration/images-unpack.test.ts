import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { GrowingFileWriter } from '../../src/image/unpack/growing-file.ts'
import { InflateThread } from '../../src/image/unpack/inflate-thread.ts'
import { type TarTask, type UnpackResult, unpackLayer } from '../../src/image/unpack/unpack-layer.ts'
import { makeDevice } from '../../src/linux/device.ts'
import { setFileTimes } from '../../src/linux/file-times.ts'
import { layerTar } from '../../src/image/save/layer-tar.ts'
import { getXattr, setXattr } from '../../src/linux/xattr.ts'
import { digestOf } from '../registry/image-builder.ts'
import { tarEntry, tarHeader, type TarItem, tarOf, withChecksum } from '../registry/tar-writer.ts'

/** Layers on a real disk. Needs root: owners, devices, trusted attributes. */

interface Unpacked {
  readonly result: UnpackResult
  readonly target: string
  readonly folder: string
}

/** Both ways: decompressed by the thread that writes, and by one of its own, which comes to the same. */
async function unpack(t: TestContext, content: readonly TarItem[] | Buffer): Promise<Unpacked> {
  const bytes = Buffer.isBuffer(content) ? content : gzipSync(tarOf(content))
  const unpacked = await unpackBy(t, bytes, unpackLayer)
  const byThread = await unpackBy(t, bytes, async (task) => {
    const inflater = new InflateThread(task.blob)
    try {
      return await unpackLayer(task, inflater.ring)
    } finally {
      await inflater.stop()
    }
  })
  // Messages name the folder.
  const told = ({ result, folder }: Unpacked) => JSON.stringify(result).replaceAll(folder, '')
  assert.equal(told(byThread), told(unpacked))
  return unpacked
}

async function unpackBy(
  t: TestContext,
  bytes: Buffer,
  run: (task: TarTask) => Promise<UnpackResult>,
): Promise<Unpacked> {
  const folder = mkdtempSync(join(tmpdir(), 'berth-unpack-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'blob'), bytes)
  mkdirSync(join(folder, 'outside'))
  writeFileSync(join(folder, 'outside/victim'), 'untouched')
  setFileTimes(join(folder, 'outside'), 1_000_000_000_000_000_000n)
  const file = new GrowingFileWriter(join(folder, 'blob'))
  file.advance(bytes.length)
  file.complete()
  const task = {
    blob: file.file,
    expectedBytes: bytes.length,
    target: join(folder, 'target'),
    recipe: join(folder, 'recipe'),
    blobAlgorithm: 'sha256',
    diffAlgorithm: 'sha256',
    limits: { maxBytes: 1e9, maxEntries: 1e5 },
  }
  const result = await run(task)
  assert.equal(result.blobDigest, digestOf(bytes), 'the blob is read to its end, whatever happens')
  // Whatever the layer was, nothing beside it has changed.
  assert.deepEqual(
    readdirSync(folder)
      .filter((name) => name !== 'target' && name !== 'recipe')
      .sort(),
    ['blob', 'outside'],
  )
  assert.deepEqual(readdirSync(join(folder, 'outside')), ['victim'])
  assert.equal(readFileSync(join(folder, 'outside/victim'), 'utf8'), 'untouched')
  assert.equal(statSync(join(folder, 'outside/victim')).nlink, 1)
  assert.equal(statSync(join(folder, 'outside')).mtimeMs, 1_000_000_000_000)
  return { result, target: join(folder, 'target'), folder }
}

async function refused(t: TestContext, content: readonly TarItem[] | Buffer, why: RegExp): Promise<Unpacked> {
  const unpacked = await unpack(t, content)
  assert.equal(unpacked.result.unpacked, undefined)
  assert.match(unpacked.result.failure?.message ?? '', why)
  return unpacked
}

/** Every layer that is accepted can be saved again as it came; but for one with an entry that replaced the file of another. */
async function accepted(
  t: TestContext,
  content: readonly TarItem[] | Buffer,
  replaces?: 'replaces',
): Promise<Unpacked> {
  const unpacked = await unpack(t, content)
  const { failure, unpacked: layer } = unpacked.result
  assert.equal(failure, undefined)
  const { target, folder } = unpacked
  const saved = () => [...layerTar({ diffId: layer!.diffId, folder: target, recipe: join(folder, 'recipe') })]
  if (replaces) assert.throws(saved, /cannot be made again as it came/)
  else assert.equal(digestOf(Buffer.concat(saved())), layer!.diffId)
  return unpacked
}

test('owners, modes, times, links, devices, fifos', async (t) => {
  const items: TarItem[] = [
    { name: './', mode: 0o750, uid: 7, gid: 8, mtime: 1111 },
    { name: './bin/', mode: 0o1777, uid: 1, gid: 2, mtime: 2222 },
    {
      name: './bin/su',
      mode: 0o4755,
      uid: 1000,
      gid: 1001,
      mtime: 3333,
      data: 'elf',
      pax: { mtime: '1700000000.123456789' },
    },
    { name: './bin/sg', mode: 0o2755, uid: 0, gid: 5, data: '' },
    { name: './bin/hard', type: '1', linkname: './bin/su', mode: 0o4755, uid: 1000, gid: 1001 },
    { name: './bin/soft', type: '2', linkname: '/etc/../../../passwd', uid: 3, gid: 4, mtime: 4444 },
    { name: './null', type: '3', devmajor: 1, devminor: 3, mode: 0o666 },
    { name: './disk', type: '4', devmajor: 259, devminor: 70000, mode: 0o660, gid: 6 },
    { name: './fifo', type: '6', mode: 0o600, mtime: 5555 },
    { name: './huge-owner', uid: 0, pax: { uid: '4000000000', gid: '4294967294' } },
  ]
  const { target, result } = await accepted(t, items)
  const at = (name: string) => lstatSync(join(target, name), { bigint: true })
  const facts = (name: string) => {
    const { mode, uid, gid } = at(name)
    return [(mode & 0o7777n).toString(8), Number(uid), Number(gid)]
  }
  assert.deepEqual(facts('.'), ['750', 7, 8])
  assert.deepEqual(facts('bin'), ['1777', 1, 2])
  assert.deepEqual(facts('bin/su'), ['4755', 1000, 1001])
  assert.deepEqual(facts('bin/sg'), ['2755', 0, 5])
  assert.equal(at('bin/su').mtimeNs, 1_700_000_000_123_456_789n)
  assert.equal(at('bin/su').ino, at('bin/hard').ino)
  assert.equal(readlinkSync(join(target, 'bin/soft')), '/etc/../../../passwd')
  assert.deepEqual([Number(at('bin/soft').uid), at('bin/soft').mtimeNs], [3, 4444_000_000_000n])
  assert.deepEqual([at('.').mtimeNs, at('bin').mtimeNs], [1111_000_000_000n, 2222_000_000_000n])
  assert.ok(at('null').isCharacterDevice() && at('disk').isBlockDevice() && at('fifo').isFIFO())
  assert.equal(at('null').rdev, 0x103n)
  assert.equal(at('disk').rdev, (259n << 8n) | (70000n & 0xffn) | ((70000n & 0xfff00n) << 12n))
  assert.deepEqual(facts('huge-owner').slice(1), [4000000000, 4294967294])
  assert.deepEqual(result.unpacked?.impliedFolders, [])
  assert.equal(result.unpacked?.usage.inodes, 9)
})

test('attributes: file capabilities as bytes, and none of overlayfs', async (t) => {
  const capability = Buffer.from('0100000280ff0000000000000000000000000000', 'hex')
  const { target } = await accepted(t, [
    { name: 'dir/', pax: { 'SCHILY.xattr.user.dir': 'd', 'SCHILY.xattr.trusted.overlay.opaque': 'y' } },
    {
      name: 'ping',
      data: 'x',
      mode: 0o755,
      uid: 5,
      pax: { 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.trusted.overlay.redirect': '/x' },
    },
    {
      name: 'link',
      type: '2',
      linkname: 'ping',
      pax: { 'SCHILY.xattr.user.no': 'x', 'SCHILY.xattr.trusted.yes': 'y' },
    },
  ])
  assert.deepEqual(getXattr(join(target, 'ping'), 'security.capability'), capability)
  assert.equal(getXattr(join(target, 'dir'), 'user.dir')?.toString(), 'd')
  assert.equal(getXattr(join(target, 'dir'), 'trusted.overlay.opaque'), undefined)
  assert.equal(getXattr(join(target, 'ping'), 'trusted.overlay.redirect'), undefined)
  assert.equal(getXattr(join(target, 'link'), 'trusted.yes')?.toString(), 'y')
})

test('whiteouts and opaque folders in the form of overlayfs', async (t) => {
  const { target } = await accepted(t, [
    { name: 'a/.wh.gone' },
    { name: 'b/.wh..wh..opq' },
    { name: 'b/new', data: 'n' },
    { name: '.wh..wh.plnk/1.2' },
    { name: 'c/.wh.kept' },
    { name: 'c/kept', data: 'later wins' },
    { name: 'd/own', data: 'o' },
    { name: 'd/.wh.own' },
    { name: '.wh.e' },
    { name: 'e/', mode: 0o700 },
    { name: '.wh.f' },
    { name: 'f/g/h', data: 'h' },
    { name: 'i/' },
    { name: '.wh.i' },
  ])
  const isWhiteout = (name: string) => {
    const stats = lstatSync(join(target, name))
    return stats.isCharacterDevice() && stats.rdev === 0
  }
  const isOpaque = (name: string) => getXattr(join(target, name), 'trusted.overlay.opaque')?.toString() === 'y'
  assert.ok(isWhiteout('a/gone'))
  assert.ok(isOpaque('b') && !isOpaque('a'))
  assert.equal(readFileSync(join(target, 'c/kept'), 'utf8'), 'later wins')
  assert.equal(readFileSync(join(target, 'd/own'), 'utf8'), 'o', 'a whiteout hides what is below, not its own layer')
  assert.ok(
    isOpaque('e') && isOpaque('f') && isOpaque('i'),
    'a folder that was hidden and made anew shows nothing of below',
  )
  assert.ok(!readdirSync(target).some((name) => name.startsWith('.wh.')))
  await refused(t, [{ name: 'x/.wh..' }], /whiteout/)
  await refused(t, [{ name: 'x/.wh.' }], /whiteout/)
})

test('long names, odd names, names that are no UTF-8', async (t) => {
  const long = `${'d'.repeat(90)}/${'e'.repeat(200)}/${'f'.repeat(255)}`
  const raw = tarHeader({ name: 'raw', type: '0' }, 0)
  raw.set([0xff, 0xfe, 0x2e], 0)
  const gnu = Buffer.concat([
    tarHeader({ name: '././@LongLink', type: 'L' }, 301),
    Buffer.concat([Buffer.from(`gnu/${'g'.repeat(148)}/${'h'.repeat(148)}`), Buffer.alloc(512 - 301)]),
    ...tarEntry({ name: 'gnu/short' }),
  ])
  const tar = Buffer.concat([
    ...tarEntry({ name: long, data: 'long' }),
    ...tarEntry({ name: 'link', type: '2', linkname: `${'t'.repeat(300)}` }),
    withChecksum(raw),
    gnu,
    ...tarEntry({ name: 'new\nline\u001b[0m', data: 'n' }),
    ...tarEntry({ name: 'ünïcödé/日本', data: 'u' }),
    ...tarEntry({ name: 'g', type: 'g', data: '18 comment=global\n' }),
    ...tarEntry({ name: 'last', data: 'l' }),
    Buffer.alloc(1024),
  ])
  const { target } = await accepted(t, tar)
  assert.equal(readFileSync(join(target, long), 'utf8'), 'long')
  assert.equal(readlinkSync(join(target, 'link')).length, 300)
  assert.ok(existsSync(Buffer.concat([Buffer.from(`${target}/`), Buffer.from([0xff, 0xfe, 0x2e])])))
  assert.ok(existsSync(join(target, `gnu/${'g'.repeat(148)}/${'h'.repeat(148)}`)))
  assert.ok(existsSync(join(target, 'new\nline\u001b[0m')))
  assert.equal(readFileSync(join(target, 'ünïcödé/日本'), 'utf8'), 'u')
  assert.ok(existsSync(join(target, 'last')))
})

test('compressions: gzip, several gzip members, zstd, none', async (t) => {
  const tar = tarOf([{ name: 'a', data: 'x'.repeat(100_000) }])
  const half = tar.length >> 1
  const members = Buffer.concat([gzipSync(tar.subarray(0, half)), gzipSync(tar.subarray(half))])
  for (const bytes of [gzipSync(tar), members, zstdCompressSync(tar), tar]) {
    const { result, target } = await accepted(t, bytes)
    assert.equal(result.unpacked?.diffId, digestOf(tar))
    assert.equal(statSync(join(target, 'a')).size, 100_000)
  }
})

test('the later entry wins, whatever was there', async (t) => {
  const kinds: TarItem[] = [
    { name: 'x', data: 'file' },
    { name: 'x', type: '2', linkname: '/outside/victim' },
    { name: 'x', type: '3', devmajor: 1, devminor: 3 },
    { name: 'x', type: '6' },
    { name: 'x', type: '1', linkname: 'other' },
    { name: 'x/' },
  ]
  for (const first of kinds) {
    for (const second of kinds) {
      const inside = first.name === 'x/' ? [{ name: 'x/y/z', data: 'deep' }] : []
      const loses = (first.data && !second.data) || (inside.length > 0 && second.name !== 'x/')
      const items = [{ name: 'other', data: 'other' }, first, ...inside, second]
      const { target } = await accepted(t, items, loses ? 'replaces' : undefined)
      const stats = lstatSync(join(target, 'x'))
      if (second.data) assert.equal(readFileSync(join(target, 'x'), 'utf8'), 'file')
      assert.equal(stats.isDirectory(), second.name === 'x/')
      assert.equal(stats.isSymbolicLink(), second.type === '2')
      assert.equal(
        readFileSync(join(target, 'other'), 'utf8'),
        'other',
        'a file that shares the inode is not written to',
      )
    }
  }
})

test('hostile: names that lead out are refused or mean the layer', async (t) => {
  await refused(t, [{ name: '../outside/victim', data: 'x' }], /points out of the layer/)
  await refused(t, [{ name: 'a/../../outside/victim', data: 'x' }], /points out of the layer/)
  await refused(t, [{ name: '..' }], /points out of the layer/)
  await refused(t, [{ name: 'a/..', type: '5' }], /points out of the layer/)
  await refused(
    t,
    [
      { name: './', data: 'x', type: '0' },
      { name: '.', data: 'x' },
    ],
    /root of the layer/,
  )
  const { target } = await accepted(t, [{ name: '/etc/berth-test-absolute', data: 'x' }])
  assert.equal(readFileSync(join(target, 'etc/berth-test-absolute'), 'utf8'), 'x')
  assert.ok(!existsSync('/etc/berth-test-absolute'))
  await refused(t, [{ name: 'a', pax: { path: 'nul\0byte' } }], /NUL/)
})

test('hostile: symlinked parents are followed inside the layer only', async (t) => {
  const { target, folder } = await accepted(t, [
    { name: 'abs', type: '2', linkname: '/etc' },
    { name: 'abs/berth-test-symlink', data: 'inside' },
    { name: 'up', type: '2', linkname: '../../../outside' },
    { name: 'up/victim', data: 'inside' },
    { name: 'chain1', type: '2', linkname: 'chain2' },
    { name: 'chain2', type: '2', linkname: '/a/../../b' },
    { name: 'chain1/file', data: 'inside' },
    { name: 'lib', type: '2', linkname: 'usr/lib' },
    { name: 'lib/x/', mode: 0o700 },
  ])
  assert.ok(!existsSync('/etc/berth-test-symlink'))
  assert.equal(readFileSync(join(target, 'etc/berth-test-symlink'), 'utf8'), 'inside')
  assert.equal(readFileSync(join(target, 'outside/victim'), 'utf8'), 'inside')
  assert.equal(readFileSync(join(target, 'b/file'), 'utf8'), 'inside')
  assert.ok(lstatSync(join(target, 'usr/lib/x')).isDirectory())
  // To the folder beside the layer by its true path.
  const absolute = await accepted(t, [
    { name: 'o', type: '2', linkname: join(folder, 'outside') },
    { name: 'o/victim', data: 'overwritten' },
  ])
  assert.ok(existsSync(join(absolute.target, folder, 'outside/victim')))
  await refused(
    t,
    [{ name: 'a', type: '2', linkname: 'b' }, { name: 'b', type: '2', linkname: 'a' }, { name: 'a/x' }],
    /too many symlinks/,
  )
  await refused(
    t,
    [
      { name: 'a', data: 'x' },
      { name: 'a/b', data: 'x' },
    ],
    /used as a folder/,
  )
})

test('hostile: hard links stay inside', async (t) => {
  await refused(t, [{ name: 'x', type: '1', linkname: '../outside/victim' }], /points out of the layer/)
  await refused(t, [{ name: 'x', type: '1', linkname: '/etc/passwd' }], /which the layer does not have/)
  await refused(
    t,
    [
      { name: 'o', type: '2', linkname: '../outside' },
      { name: 'x', type: '1', linkname: 'o/victim' },
    ],
    /does not have/,
  )
  await refused(t, [{ name: 'x', type: '1', linkname: '.' }], /root of the layer/)
  const { target, folder } = await accepted(t, [
    { name: 's', type: '2', linkname: '/outside/victim' },
    { name: 'x', type: '1', linkname: 's' },
    { name: 'x', data: 'written through?' },
  ])
  assert.equal(readFileSync(join(target, 'x'), 'utf8'), 'written through?')
  assert.ok(!existsSync(join(folder, 'target/outside')))
})

test('hostile: a folder that becomes a symlink does not take its time, owner or children with it', async (t) => {
  const items = [
    { name: 'a/' },
    { name: 'a/outside/', mtime: 5 },
    { name: 'a/outside/victim', data: 'x' },
    { name: 'a', type: '2', linkname: '..' },
    { name: 'a/outside/more', data: 'x' },
  ]
  const { folder } = await accepted(t, items, 'replaces')
  assert.ok(existsSync(join(folder, 'target/outside/more')))
})

test('hostile: broken headers', async (t) => {
  const good = tarOf([{ name: 'a', data: 'a' }])
  await refused(t, tarOf([{ name: 'x', type: 'x', size: 5_000_000 }]), /extension header of 5000000 bytes is refused/)
  await refused(t, tarOf([{ name: 'x', type: 'L', size: 2 ** 31 }]), /is refused/)
  await refused(t, tarOf([{ name: 'x', type: 'x', data: 'garbage' }]), /PAX header/)
  await refused(t, tarOf([{ name: 'x', type: 'x', data: '99 path=a\n' }]), /cut off/)
  await refused(t, tarOf([{ name: 'x', pax: { size: '-5' } }]), /impossible size/)
  await refused(t, tarOf([{ name: 'x', pax: { size: '99999999999999999999' } }]), /impossible size/)
  await refused(t, tarOf([{ name: 'x', pax: { uid: '4294967295' } }]), /impossible owner/)
  await refused(t, tarOf([{ name: 'x', pax: { gid: '-1' } }]), /impossible owner/)
  await refused(t, Buffer.concat([tarHeader({ name: 'x' }, 1000), Buffer.alloc(100)]), /cut off/)
  await refused(
    t,
    Buffer.concat([...tarEntry({ name: 'a' }), Buffer.alloc(512), ...tarEntry({ name: 'b' })]),
    /zeros in its middle/,
  )
  const damaged = Buffer.from(good)
  damaged[5] = 0x41
  await refused(t, damaged, /wrong checksum/)
  const base256 = tarHeader({ name: 'x' }, 0)
  base256.set([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 124)
  await refused(t, withChecksum(base256), /too large/)
  await refused(t, gzipSync(good).subarray(0, 40), /the gzip data is cut off|unexpected end of file/)
  const deep = Array.from({ length: 40 }, (_, at) => ({ name: `${'x'.repeat(250)}/`.repeat(at + 1) }))
  await refused(t, tarOf(deep), /ENAMETOOLONG/)
  // An empty layer is a layer.
  await accepted(t, tarOf([]))
  await accepted(t, Buffer.alloc(0))
})

test('a tree as GNU tar makes it comes out as GNU tar takes it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-tree-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tree = join(folder, 'tree')
  mkdirSync(join(tree, 'dev'), { recursive: true })
  for (const source of ['/usr/share/perl5', '/etc/alternatives', '/usr/share/zoneinfo/Europe']) {
    if (existsSync(source)) spawnSync('cp', ['-a', source, tree])
  }
  makeDevice(join(tree, 'dev/null'), 'char', 1, 3, 0o666)
  writeFileSync(join(tree, 'capable'), 'x', { mode: 0o755 })
  setXattr(join(tree, 'capable'), 'security.capability', Buffer.from('0100000280ff0000000000000000000000000000', 'hex'))
  linkSync(join(tree, 'capable'), join(tree, 'capable-too'))
  symlinkSync('nowhere', join(tree, 'dangling'))
  const made = spawnSync('tar', [
    '--xattrs',
    '--xattrs-include=*',
    '--format=pax',
    '-C',
    tree,
    '-cf',
    join(folder, 'layer.tar'),
    '.',
  ])
  assert.equal(made.status, 0, String(made.stderr))
  const { target } = await accepted(t, gzipSync(readFileSync(join(folder, 'layer.tar')), { level: 1 }))
  const compared = spawnSync('tar', ['--xattrs', '--xattrs-include=*', '-C', target, '-df', join(folder, 'layer.tar')])
  assert.equal(String(compared.stdout) + String(compared.stderr), '')
  assert.equal(compared.status, 0)
  const list = (root: string) =>
    String(spawnSync('find', ['.', '-printf', '%p %y %m %U %G %T@ %s %l %n\n'], { cwd: root }).stdout)
  const lines = (root: string) =>
    list(root)
      .split('\n')
      .filter((line) => !/^\S+ d /.test(line))
      .sort()
  assert.deepEqual(lines(target), lines(tree))
  assert.deepEqual(
    getXattr(join(target, 'capable'), 'security.capability'),
    getXattr(join(tree, 'capable'), 'security.capability'),
  )
})

test('sparse files in all four forms of GNU tar keep their holes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-sparse-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const content = Buffer.alloc(20_000_000)
  // More pieces than a header and one block of a map hold.
  for (let i = 0; i < 60; i++) content.write(`piece ${i}`, i * 300_000 + 100)
  const holes = openSync(join(folder, 'holes'), 'w')
  for (let i = 0; i < 60; i++) writeSync(holes, `piece ${i}`, i * 300_000 + 100)
  ftruncateSync(holes, content.length)
  closeSync(holes)
  const none = openSync(join(folder, 'nothing'), 'w')
  ftruncateSync(none, 5_000_000)
  closeSync(none)
  const forms = ['gnu', '0.0', '0.1', '1.0'].map((form) =>
    form === 'gnu' ? ['--format=gnu'] : ['--format=pax', `--sparse-version=${form}`],
  )
  for (const form of forms) {
    const tar = execFileSync('tar', ['-cS', ...form, '-C', folder, 'holes', 'nothing'], { maxBuffer: 1e9 })
    const { target, result } = await accepted(t, tar)
    assert.ok(readFileSync(join(target, 'holes')).equals(content), form.join(' '))
    assert.equal(statSync(join(target, 'nothing')).size, 5_000_000)
    assert.ok(statSync(join(target, 'holes')).blocks * 512 < 2_000_000, 'it takes little space')
    assert.ok((result.unpacked?.usage.bytes ?? 0) < 2_000_000)
  }
})

test('hostile: sparse files whose map lies', async (t) => {
  const file = (records: Record<string, string>, data: string | Buffer) =>
    tarOf([{ name: 's', data, pax: { 'GNU.sparse.size': '1000', ...records } }])
  await refused(t, file({ 'GNU.sparse.map': '0,10' }, 'x'.repeat(20)), /the archive has 20/)
  await refused(t, file({ 'GNU.sparse.map': '995,10' }, 'x'.repeat(10)), /makes no sense/)
  await refused(t, file({ 'GNU.sparse.map': '10,10,5,10' }, 'x'.repeat(20)), /makes no sense/)
  await refused(t, file({ 'GNU.sparse.map': '0' }, ''), /cut off/)
  await refused(t, file({ 'GNU.sparse.map': '0,99999999999999999' }, ''), /number that is none/)
  await refused(t, file({ 'GNU.sparse.map': '0,0', 'GNU.sparse.size': '-1' }, ''), /number that is none/)
  const version1 = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.realsize': '10' }
  await refused(t, file(version1, Buffer.alloc(1024, '1\n')), /makes no sense|speaks of/)
  await refused(t, file(version1, '5\n1\n'), /longer than its data/)
  await refused(t, file(version1, Buffer.alloc(1_200_000, '9')), /too long|number that is none/)
})

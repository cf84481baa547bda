import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempDisposableSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { type Header, pack } from 'tar-stream'
import { packTree } from './pack.ts'
import { parsePlace } from './place.ts'
import { unpackTree } from './unpack.ts'

type Entry = Partial<Header> & { readonly name: string; readonly text?: string }

/** Unpacks these entries as what came for `tree`; answers the folder it went to and what was left out. */
async function unpack(entries: readonly Entry[], prepare: (folder: string) => void = () => {}) {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'berth-cp-'))
  const tar = pack()
  for (const { text = '', ...header } of entries) tar.entry(header, text)
  tar.finalize()
  const skipped: string[] = []
  const at = (path: string) => join(folder.path, path)
  prepare(folder.path)
  const outcome = await unpackTree(Readable.from(tar, { objectMode: false }), {
    name: 'tree',
    target: at('out'),
    skipped: (what) => skipped.push(what),
  }).then(
    () => undefined,
    (error: Error) => error,
  )
  return { at, skipped, outcome, [Symbol.dispose]: () => folder.remove() }
}

test('places', () => {
  assert.deepEqual(parsePlace('web/nginx:/etc'), { kind: 'container', container: 'web/nginx', path: '/etc' })
  for (const path of ['./a:b', '/a:b', 'plain', '../x']) assert.deepEqual(parsePlace(path), { kind: 'local', path })
  for (const text of [':/etc', 'web:etc', 'web:']) assert.throws(() => parsePlace(text), { code: 'invalid-argument' })
})

test('a tree comes back as it went: names with spaces, modes, times, links', async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-cp-'))
  const at = (path: string) => join(folder.path, path)
  mkdirSync(at('from/a b/c'), { recursive: true })
  writeFileSync(at('from/a b/with\nnewline'), 'text')
  writeFileSync(at('from/empty'), '')
  writeFileSync(at(`from/${'long'.repeat(50)}`), 'x'.repeat(100_000))
  chmodSync(at('from/empty'), 0o640)
  utimesSync(at('from/empty'), 1000, 2000)
  symlinkSync('a b/c', at('from/link'))
  await unpackTree(packTree(at('from'), './tree', assert.fail), {
    name: 'tree',
    target: at('to'),
    skipped: assert.fail,
  })
  assert.equal(readFileSync(at('to/a b/with\nnewline'), 'utf8'), 'text')
  assert.equal(readFileSync(at(`to/${'long'.repeat(50)}`)).length, 100_000)
  assert.equal(lstatSync(at('to/empty')).mode & 0o7777, 0o640)
  assert.equal(lstatSync(at('to/empty')).mtimeMs, 2_000_000)
  assert.ok(lstatSync(at('to/a b/c')).isDirectory())
  assert.equal(readlinkSync(at('to/link')), 'a b/c')
})

test('names that lead elsewhere are refused', async () => {
  for (const name of ['../evil', '/evil', 'tree/../../evil', 'other/evil', 'tree/../evil', 'treeX']) {
    using set = await unpack([{ name, text: 'evil' }])
    assert.match(set.outcome?.message ?? '', /not below what was asked for/, name)
    assert.ok(!existsSync(set.at('evil')) && !existsSync('/evil'))
  }
})

test('nothing is written through a symbolic link, from the tar or of before', async () => {
  using both = await unpack([
    { name: 'tree/link', type: 'symlink', linkname: '..' },
    { name: 'tree/link/evil', text: 'evil' },
  ])
  assert.ok(!existsSync(both.at('evil')))
  using before = await unpack([{ name: 'tree/link/evil', text: 'evil' }], (folder) => {
    mkdirSync(join(folder, 'out'))
    mkdirSync(join(folder, 'elsewhere'))
    symlinkSync('../elsewhere', join(folder, 'out/link'))
  })
  assert.match(before.outcome?.message ?? '', /through it/)
  assert.ok(!existsSync(before.at('elsewhere/evil')))
})

test('a file that is a link here is replaced, and what it leads to is not touched', async () => {
  using set = await unpack([{ name: 'tree/file', text: 'new' }], (folder) => {
    mkdirSync(join(folder, 'out'))
    writeFileSync(join(folder, 'precious'), 'old')
    symlinkSync('../precious', join(folder, 'out/file'))
  })
  assert.equal(readFileSync(set.at('precious'), 'utf8'), 'old')
  assert.equal(readFileSync(set.at('out/file'), 'utf8'), 'new')
})

test('links to the outside, devices and pipes are left out, setuid is lost', async () => {
  using set = await unpack([
    { name: 'tree', type: 'directory', mode: 0o755 },
    { name: 'tree/passwd', type: 'symlink', linkname: '/etc/passwd' },
    { name: 'tree/up', type: 'symlink', linkname: '../../x' },
    { name: 'tree/a/l', type: 'symlink', linkname: '..' },
    { name: 'tree/a/l2', type: 'symlink', linkname: 'l/../..' },
    { name: 'tree/null', type: 'character-device' },
    { name: 'tree/pipe', type: 'fifo' },
    { name: 'tree/su', mode: 0o4755, text: 'x' },
  ])
  assert.equal(set.outcome, undefined)
  assert.equal(set.skipped.length, 5)
  assert.equal(readlinkSync(set.at('out/a/l')), '..')
  assert.equal(lstatSync(set.at('out/su')).mode & 0o7777, 0o755)
})

test('a hard link is a copy of what the tar has, and of nothing else', async () => {
  using set = await unpack([
    { name: 'tree/a', text: 'text' },
    { name: 'tree/b', type: 'link', linkname: 'tree/a' },
  ])
  assert.equal(readFileSync(set.at('out/b'), 'utf8'), 'text')
  using outside = await unpack([{ name: 'tree/b', type: 'link', linkname: '/etc/shadow' }])
  assert.ok(outside.outcome instanceof Error)
  using before = await unpack([{ name: 'tree/b', type: 'link', linkname: 'tree/secret' }], (folder) => {
    mkdirSync(join(folder, 'out'))
    symlinkSync('/etc/hostname', join(folder, 'out/secret'))
  })
  assert.match(before.outcome?.message ?? '', /not in it/)
})

import assert from 'node:assert/strict'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempDisposableSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mountSubPath, openBelow, resolveInside } from './sub-path-mount.ts'
import type { Mounts } from './volume-mounts.ts'

/** A volume with links that containers have made, beside the volume of another pod. */
function setUp() {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'berth-sub-path-'))
  const top = join(realpathSync(folder.path), 'volume')
  mkdirSync(join(top, 'real'), { recursive: true })
  chmodSync(top, 0o2777)
  mkdirSync(join(folder.path, 'volume-of-another'))
  symlinkSync('real', join(top, 'inner'))
  symlinkSync('/etc', join(top, 'outer'))
  symlinkSync('../volume-of-another', join(top, 'neighbour'))
  symlinkSync('nowhere', join(top, 'dangling'))
  return { top, folder: folder.path, [Symbol.dispose]: () => folder.remove() }
}

test('a subPath is followed inside of its volume, and refused outside', () => {
  using set = setUp()
  assert.equal(resolveInside(set.top, 'inner'), 'real')
  assert.equal(resolveInside(set.top, 'inner/new/./folder/'), 'real/new/folder')
  for (const path of ['outer', 'outer/ssl', 'neighbour']) {
    assert.throws(() => resolveInside(set.top, path), { code: 'invalid-argument', message: /leads out of its volume/ })
  }
  assert.throws(() => resolveInside(set.top, 'dangling'), { code: 'ENOENT' })
})

test('a link that comes into the way after that is not followed; missing folders are made with the mode of the volume', () => {
  using set = setUp()
  for (const path of ['outer', 'neighbour', 'dangling']) {
    assert.throws(() => openBelow(set.top, path), /a symbolic link came into the way/)
    assert.throws(() => openBelow(set.top, `${path}/made`), /a symbolic link came into the way/)
  }
  const open = openBelow(set.top, 'new/folder')
  assert.equal(readlinkSync(`/proc/self/fd/${open}`), join(set.top, 'new/folder'))
  closeSync(open)
  assert.equal(statSync(join(set.top, 'new')).mode & 0o7777, 0o2777)
  assert.ok(!existsSync('/etc/made'))
})

test('what is open is mounted, on a folder or on a file', () => {
  using set = setUp()
  writeFileSync(join(set.top, 'file'), '')
  const bound: (string | boolean)[][] = []
  const mounts = {
    unmount: () => {},
    bind: (source: string, target: string) =>
      void bound.push([readlinkSync(source), target, statSync(target).isDirectory()]),
  } as unknown as Mounts
  const target = join(set.folder, 'targets/0')
  for (const below of ['inner', 'file']) assert.equal(mountSubPath(mounts, set.top, below, target), target)
  assert.deepEqual(bound, [
    [join(set.top, 'real'), target, true],
    [join(set.top, 'file'), target, false],
  ])
})

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempDisposableSync, realpathSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathInside } from './sub-path.ts'

test('a subPath stays in its volume, whatever links the containers have made there', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-sub-path-'))
  const root = join(folder.path, 'volume')
  mkdirSync(join(root, 'real'), { recursive: true })
  chmodSync(root, 0o2777)
  mkdirSync(join(folder.path, 'volume-of-another'))
  symlinkSync('real', join(root, 'inner'))
  symlinkSync('/etc', join(root, 'outer'))
  symlinkSync('../volume-of-another', join(root, 'neighbour'))
  symlinkSync('nowhere', join(root, 'dangling'))
  const real = realpathSync(root)
  assert.equal(pathInside(root, 'inner'), join(real, 'real'))
  assert.equal(pathInside(root, 'new/./folder/'), join(real, 'new/folder'))
  assert.equal(statSync(join(root, 'new/folder')).mode & 0o7777, 0o2777)
  for (const path of ['outer', 'outer/ssl', 'neighbour']) {
    assert.throws(() => pathInside(root, path), { code: 'invalid-argument', message: /leads out of its volume/ })
  }
  assert.throws(() => pathInside(root, 'dangling'), { code: 'ENOENT' })
})

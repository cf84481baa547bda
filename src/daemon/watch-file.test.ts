import assert from 'node:assert/strict'
import { mkdirSync, mkdtempDisposableSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../lib/log.ts'
import { FileWatch, signatureOf } from './watch-file.ts'

/** Answers what `act` leads to: the change, or that the file is gone. */
function watching(path: string) {
  let tell: (what: string) => void = () => {}
  const log = { ...silentLogger, warn: () => tell('gone') }
  const watch = new FileWatch(path, signatureOf(path), log, () => tell('changed'))
  return {
    async after(act: () => void) {
      const { promise, resolve } = Promise.withResolvers<string>()
      tell = resolve
      act()
      return await promise
    },
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  }
}

test('a file that is written, replaced, removed and there again', { timeout: 20_000 }, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-watch-'))
  const path = join(folder.path, 'config.toml')
  using watch = watching(path)
  assert.equal(await watch.after(() => writeFileSync(path, 'a = 1')), 'changed')
  writeFileSync(`${path}.new`, 'a = 2')
  assert.equal(await watch.after(() => renameSync(`${path}.new`, path)), 'changed')
  assert.equal(await watch.after(() => rmSync(path)), 'gone')
  assert.equal(await watch.after(() => writeFileSync(path, 'a = 3')), 'changed')
})

test('a file that has changed since it was read', { timeout: 20_000 }, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-watch-'))
  const path = join(folder.path, 'config.toml')
  const seen = signatureOf(path)
  writeFileSync(path, 'a = 1')
  const { promise, resolve } = Promise.withResolvers<void>()
  using _watch = new FileWatch(path, seen, silentLogger, resolve)
  await promise
})

test('a file that a link in its folder leads to, as those of a ConfigMap', { timeout: 20_000 }, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-watch-'))
  const at = (name: string) => join(folder.path, name)
  for (const [name, text] of [
    ['1', 'a = 1'],
    ['2', 'a = 22'],
  ] as const) {
    mkdirSync(at(name))
    writeFileSync(join(at(name), 'config.toml'), text)
  }
  symlinkSync('1', at('..data'))
  symlinkSync('..data/config.toml', at('config.toml'))
  using watch = watching(at('config.toml'))
  symlinkSync('2', at('..new'))
  assert.equal(await watch.after(() => renameSync(at('..new'), at('..data'))), 'changed')
})

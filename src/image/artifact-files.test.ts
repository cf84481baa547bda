import assert from 'node:assert/strict'
import { test } from 'node:test'
import { artifactFiles, nameOfFile } from './artifact-files.ts'
import type { Descriptor } from './manifest.ts'

const title = 'org.opencontainers.image.title'
const hex = (digit: string) => digit.repeat(64)

function layer(digit: string, annotations: Record<string, string> = {}, mediaType = 'text/plain'): Descriptor {
  return { mediaType, digest: `sha256:${hex(digit)}`, size: 1, annotations }
}

const paths = (...layers: Descriptor[]) => artifactFiles({ layers }).map(({ path }) => path)
const titled = (...titles: string[]) => paths(...titles.map((text, at) => layer(`${at}`, { [title]: text })))

test('files are named by their annotations, else by their digest', () => {
  assert.deepEqual(titled('a', 'b/c', './d//e/', '..f', '.wh.g', '…'), ['a', 'b/c', 'd/e', '..f', '.wh.g', '…'])
  assert.deepEqual(paths(layer('a')), [hex('a')])
  assert.deepEqual(paths(layer('a', { 'org.cncf.model.filepath': 'weights' })), ['weights'])
  assert.deepEqual(paths(layer('a', { 'org.cncf.model.filepath': 'weights', [title]: 'w' })), ['w'])
})

test('the empty descriptor is no file, unless it has a name', () => {
  const empty = 'application/vnd.oci.empty.v1+json'
  assert.deepEqual(paths(layer('a', {}, empty)), [])
  assert.deepEqual(paths(layer('a', { [title]: 'nothing' }, empty)), ['nothing'])
})

test('names that lead elsewhere or cannot be shown are refused', () => {
  for (const name of ['../x', 'a/../../x', '..', 'a/..']) assert.throws(() => titled(name), /leads out of the artifact/)
  for (const name of ['/etc/passwd', '//x']) assert.throws(() => titled(name), /absolute path/)
  for (const name of ['a\nb', 'a\0b', '\u001b[2J', '\u007f', '\u009b', '\ud800']) {
    assert.throws(() => titled(name), /control characters/)
  }
  for (const name of ['', '.', './/']) assert.throws(() => titled(name), /has no name/)
  for (const name of ['ä'.repeat(128), 'a/'.repeat(1025) + 'b']) assert.throws(() => titled(name), /too long a name/)
  assert.deepEqual(titled('a'.repeat(255)), ['a'.repeat(255)])
})

test('no two files have one place; the same file twice is one', () => {
  assert.throws(() => titled('a', 'a'), /several files at "a"/)
  assert.throws(() => titled('a', './a'), /several files at "a"/)
  assert.throws(() => titled('a/b', 'a'), /several files at "a"/)
  assert.throws(() => titled('a', 'a/b/c'), /several files at "a"/)
  assert.throws(() => paths(layer('a', { [title]: hex('b') }), layer('b')), /several files/)
  assert.deepEqual(titled('a/b', 'a/c', '__proto__'), ['a/b', 'a/c', '__proto__'])
  const same = layer('a', { [title]: 'a' })
  assert.deepEqual(paths(same, same, { ...same }), ['a'])
})

test('the name of a file says both content and place', () => {
  const named = (digit: string, path: string) => nameOfFile({ descriptor: layer(digit), path })
  assert.match(named('a', 'x'), /^file:[0-9a-f]{64}$/)
  assert.equal(named('a', 'x'), named('a', 'x'))
  assert.equal(new Set([named('a', 'x'), named('a', 'y'), named('b', 'x')]).size, 3)
})

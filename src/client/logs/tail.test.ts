import assert from 'node:assert/strict'
import { mkdtempDisposableSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { tailPosition } from './tail.ts'

const line = (text: string, tag = 'F') => `2026-01-02T03:04:05.000000001Z stdout ${tag} ${text}\n`

async function tail(content: string, count: number): Promise<string> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'berth-tail-'))
  const path = join(folder.path, '0.log')
  writeFileSync(path, content)
  await using handle = await open(path)
  return content.slice(await tailPosition(handle, count))
}

test('the last lines of a file', async () => {
  const content = ['a', 'b', 'c'].map((text) => line(text)).join('')
  assert.equal(await tail(content, 0), '')
  assert.equal(await tail(content, 1), line('c'))
  assert.equal(await tail(content, 2), line('b') + line('c'))
  assert.equal(await tail(content, 3), content)
  assert.equal(await tail(content, 99), content)
  assert.equal(await tail('', 5), '')
})

test('the parts of a split line count as one', async () => {
  const split = line('one', 'P') + line('two', 'P') + line('three')
  assert.equal(await tail(line('a') + split, 1), split)
  assert.equal(await tail(split + line('z'), 2), split + line('z'))
})

test('an unfinished line at the end does not count', async () => {
  assert.equal(await tail(`${line('a')}${line('b')}2026-`, 1), `${line('b')}2026-`)
})

test('lines longer than what is read at once, and many of them', async () => {
  const long = line('x'.repeat(100_000))
  assert.equal(await tail(line('a') + long + line('b'), 2), long + line('b'))
  const many = Array.from({ length: 20_000 }, (_, n) => line(String(n)))
  assert.equal(await tail(many.join(''), 12_345), many.slice(-12_345).join(''))
})

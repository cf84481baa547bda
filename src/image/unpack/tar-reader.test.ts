import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pack } from 'tar-stream'
import { buffer } from 'node:stream/consumers'
import { parsePaxRecords, parsePaxTime } from './pax.ts'
import { printableName, type TarEntry, TarReader } from './tar-reader.ts'

interface Read {
  readonly entries: (TarEntry & { text: string })[]
}

function read(tar: Buffer, chunkSize: number): Read {
  const entries: (TarEntry & { text: string })[] = []
  const reader = new TarReader({
    entry: (entry) => entries.push({ ...entry, text: '' }),
    data(chunk) {
      const last = entries.at(-1)
      if (last) last.text += chunk.toString('latin1')
    },
    end() {},
  })
  for (let at = 0; at < tar.length; at += chunkSize) reader.push(tar.subarray(at, at + chunkSize))
  reader.finish()
  return { entries }
}

async function sample(): Promise<Buffer> {
  const tar = pack()
  tar.entry({ name: 'dir', type: 'directory', mode: 0o1755, uid: 7, gid: 8, mtime: new Date(5000) })
  tar.entry({ name: 'dir/file', mode: 0o4755 }, 'x'.repeat(1500))
  tar.entry({ name: 'empty' }, '')
  tar.entry({ name: `long/${'n'.repeat(200)}`, pax: { 'SCHILY.xattr.user.a': 'value', mtime: '12.5' } }, 'long')
  tar.entry({ name: 'link', type: 'symlink', linkname: 't'.repeat(150) })
  tar.finalize()
  return buffer(tar)
}

test('an archive reads the same whatever the pieces it comes in', async () => {
  const tar = await sample()
  const whole = read(tar, tar.length)
  assert.deepEqual(
    whole.entries.map(({ name, kind, text }) => [name.slice(0, 10), kind, text.length]),
    [
      ['dir', 'directory', 0],
      ['dir/file', 'file', 1500],
      ['empty', 'file', 0],
      ['long/nnnnn', 'file', 4],
      ['link', 'symlink', 0],
    ],
  )
  const [dir, file, , long, link] = whole.entries
  assert.deepEqual([dir?.mode, dir?.uid, dir?.gid, dir?.mtime], [0o1755, 7, 8, 5_000_000_000n])
  assert.equal(file?.mode, 0o4755)
  assert.deepEqual(
    long?.xattrs.map(({ name, value }) => [name, String(value)]),
    [['user.a', 'value']],
  )
  assert.equal(long?.mtime, 12_500_000_000n)
  assert.equal(link?.linkname.length, 150)
  for (const size of [1, 7, 511, 512, 513, 4096]) assert.deepEqual(read(tar, size), whole, `pieces of ${size}`)
})

test('an archive that is cut off anywhere is refused, or is whole up to there', async () => {
  const tar = await sample()
  const whole = read(tar, tar.length).entries
  let accepted = 0
  for (let length = 0; length < tar.length; length += 37) {
    try {
      const { entries } = read(tar.subarray(0, length), 4096)
      assert.deepEqual(entries, whole.slice(0, entries.length), `${length} bytes`)
      accepted++
    } catch (error) {
      assert.match(String(error), /cut off/)
    }
  }
  assert.ok(accepted > 0)
})

test('a last file without its padding is whole', async () => {
  const tar = await sample()
  // A header and 1500 bytes after that of the folder.
  const [, file] = read(tar.subarray(0, 512 + 512 + 1500), 4096).entries
  assert.equal(file?.text.length, 1500)
  assert.throws(() => read(tar.subarray(0, 512 + 512 + 1499), 4096), /cut off/)
})

test('damaged archives throw and never do worse', async () => {
  const tar = await sample()
  let seed = 42
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return seed % below
  }
  for (let round = 0; round < 3000; round++) {
    const copy = Buffer.from(tar)
    for (let count = 0; count <= random(4); count++) copy[random(copy.length)] = random(256)
    try {
      read(copy, 1 + random(5000))
    } catch (error) {
      assert.ok(
        error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError),
        String(error),
      )
    }
  }
})

test('PAX records are bytes, and must be whole', () => {
  const records = parsePaxRecords(Buffer.concat([Buffer.from('9 a=b\xff=c', 'latin1'), Buffer.from('\n')]))
  assert.deepEqual([...records], [['a', 'b\xff=c']])
  assert.deepEqual([...parsePaxRecords(Buffer.from('5 a=\n'))], [['a', '']])
  for (const bad of [
    'x',
    '5 ab\n',
    '9 a=b\n',
    '3 =\n',
    '0 a=b\n',
    '-6 a=b\n',
    '6 a=bX',
    '1e1 a=bcd\n',
    '99999999999 a=b\n',
  ]) {
    assert.throws(() => parsePaxRecords(Buffer.from(bad)), /PAX/, bad)
  }
  assert.equal([...parsePaxRecords(Buffer.from('15 __proto__=x\n'))].length, 1)
})

test('PAX times have nanoseconds', () => {
  assert.equal(parsePaxTime('1700000000.123456789'), 1_700_000_000_123_456_789n)
  assert.equal(parsePaxTime('-1.5'), -1_500_000_000n)
  assert.equal(parsePaxTime('1.'), 1_000_000_000n)
  for (const bad of ['', 'x', '1e9', '99999999999999', '1.2.3']) assert.equal(parsePaxTime(bad), undefined, bad)
})

test('a name for a message has no control characters', () => {
  assert.equal(printableName(Buffer.from('a\u001b[31mü\n').toString('latin1')), 'a\u{fffd}[31mü\u{fffd}')
})

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { GzipInflater } from '../../linux/gzip-inflater.ts'
import { decompress, detectCompression, type NextPiece } from './decompress.ts'
/** Hands the bytes out in pieces, always in the same buffer, as a reader of a file does. */
function inPieces(bytes: Buffer, size: number): NextPiece {
  const piece = Buffer.alloc(size)
  let at = 0
  return async () => {
    if (at === bytes.length) return undefined
    const count = bytes.copy(piece, 0, at, at + size)
    at += count
    return piece.subarray(0, count)
  }
}

async function digestOf(next: NextPiece): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of decompress(next)) hash.update(piece)
  return hash.digest('hex')
}

test('every compression, whatever the pieces it comes in', async () => {
  for (const data of [Buffer.alloc(0), Buffer.alloc(3_000_000, 'a'), randomBytes(700_000), Buffer.alloc(1_048_576)]) {
    const plain = createHash('sha256').update(data).digest('hex')
    const forms = [gzipSync(data), zstdCompressSync(data), data, Buffer.concat([gzipSync(data), gzipSync('')])]
    for (const bytes of forms) {
      for (const size of [777, 262_144]) {
        assert.equal(await digestOf(inPieces(bytes, size)), plain)
      }
    }
  }
})

test('several members of gzip are one, and what follows them is passed over', async () => {
  const whole = createHash('sha256').update('one').update('two').digest('hex')
  const members = [gzipSync('one'), gzipSync('two')]
  for (const size of [1, 1000]) {
    assert.equal(await digestOf(inPieces(Buffer.concat(members), size)), whole)
    assert.equal(await digestOf(inPieces(Buffer.concat([...members, Buffer.alloc(512)]), size)), whole)
  }
})

test('what is cut off or damaged is refused', async () => {
  const good = gzipSync(randomBytes(100_000))
  const damaged = Buffer.from(good)
  damaged.writeUInt32LE(0, good.length - 8)
  for (const bytes of [good.subarray(0, -1), good.subarray(0, 5000), good.subarray(0, 4), damaged]) {
    await assert.rejects(digestOf(inPieces(bytes, 4096)))
  }
  await assert.rejects(digestOf(inPieces(zstdCompressSync(randomBytes(1000)).subarray(0, 500), 4096)))
})

test('a failure of the input is passed on, also after some pieces', async () => {
  const next = inPieces(gzipSync(randomBytes(2_000_000)), 65_536)
  let count = 0
  const failing = async () => {
    if (++count === 5) throw new Error('no more')
    return await next()
  }
  await assert.rejects(digestOf(failing), /no more/)
})

test('a failure to make room is passed on, and the input is not read any more', async () => {
  let rooms = 0
  let reads = 0
  const next = inPieces(gzipSync(Buffer.alloc(8_000_000), { level: 1 }), 4096)
  const counted = async () => {
    reads++
    return await next()
  }
  const room = () => {
    if (++rooms === 3) throw new Error('no room')
    return Buffer.alloc(1000)
  }
  const using = async () => {
    for await (const piece of decompress(counted, room)) assert.equal(piece.length, 1000)
  }
  if (!GzipInflater.open()) return
  await assert.rejects(using(), /no room/)
  const readBefore = reads
  await nextTurn()
  assert.equal(reads, readBefore)
})

test('the first bytes say which compression it is', () => {
  assert.equal(detectCompression(Buffer.from([0x50, 0x2a, 0x4d, 0x18])), 'zstd', 'a skippable frame')
  assert.equal(detectCompression(Buffer.alloc(0)), 'none')
})

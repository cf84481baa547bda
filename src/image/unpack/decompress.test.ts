import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { decompress, detectCompression, type NextPiece } from './decompress.ts'
import { LayersUnderWay } from './layers-under-way.ts'

/** A layer by itself, and one that has a CPU for itself. */
const alone = new LayersUnderWay(undefined, 2)
const crowded = new LayersUnderWay(undefined, 0)

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

async function digestOf(next: NextPiece, underWay = alone): Promise<string> {
  const hash = createHash('sha256')
  const besideHash = createHash('sha256')
  const beside = async (piece: Buffer) => {
    // Behind who asks, sometimes by more than there are pieces made ahead.
    if (piece[0] === undefined || piece[0] % 2 === 0) await nextTurn()
    besideHash.update(piece)
  }
  for await (const piece of decompress(next, beside, underWay)) hash.update(piece)
  const digest = hash.digest('hex')
  assert.equal(besideHash.digest('hex'), digest, 'what is done beside sees the same')
  return digest
}

test('every compression, whatever the pieces it comes in', async () => {
  for (const data of [Buffer.alloc(0), Buffer.alloc(3_000_000, 'a'), randomBytes(700_000), Buffer.alloc(1_048_576)]) {
    const plain = createHash('sha256').update(data).digest('hex')
    const forms = [gzipSync(data), zstdCompressSync(data), data, Buffer.concat([gzipSync(data), gzipSync('')])]
    for (const bytes of forms) {
      for (const size of [777, 262_144]) {
        for (const underWay of [alone, crowded]) {
          assert.equal(await digestOf(inPieces(bytes, size), underWay), plain)
        }
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

test('a layer goes on when others begin and end', async () => {
  const data = randomBytes(6_000_000)
  const underWay = new LayersUnderWay(undefined, 1)
  const hash = createHash('sha256')
  const beside = async (piece: Buffer) => {
    hash.update(piece)
  }
  let count = 0
  for await (const _ of decompress(inPieces(gzipSync(data), 65_536), beside, underWay)) {
    if (count++ % 2 === 0) underWay.begin()
    else underWay.end()
    await nextTurn()
  }
  assert.equal(hash.digest('hex'), createHash('sha256').update(data).digest('hex'))
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

test('a failure beside the use is passed on, and nothing is done beside after the end', async () => {
  const data = randomBytes(8_000_000)
  for (const bytes of [gzipSync(data, { level: 1 }), zstdCompressSync(data), data]) {
    let count = 0
    const beside = async () => {
      await nextTurn()
      if (++count === 3) throw new Error('cannot go on')
    }
    const using = async () => {
      for await (const _ of decompress(inPieces(bytes, 65_536), beside, alone)) await nextTurn()
    }
    await assert.rejects(using(), /cannot go on/)
    assert.equal(count, 3)
  }
})

test('who stops asking waits for what is done beside', async () => {
  let under = 0
  const beside = async () => {
    under++
    await nextTurn()
    under--
  }
  for await (const _ of decompress(inPieces(gzipSync(randomBytes(4_000_000)), 65_536), beside, alone)) break
  assert.equal(under, 0)
})

test('the first bytes say which compression it is', () => {
  assert.equal(detectCompression(Buffer.from([0x50, 0x2a, 0x4d, 0x18])), 'zstd', 'a skippable frame')
  assert.equal(detectCompression(Buffer.alloc(0)), 'none')
})

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { PoolHash } from './pool-hash.ts'

test('the same as of node:crypto, whatever the pieces and the thread', async () => {
  for (const algorithm of ['sha256', 'sha512']) {
    const bytes = randomBytes(300_000)
    const hash = new PoolHash(algorithm)
    for (let at = 0; at < bytes.length; at += 70_001) {
      const piece = bytes.subarray(at, at + 70_001)
      if (at % 2 === 0) await hash.update(piece)
      else hash.updateHere(piece)
    }
    assert.equal(hash.digest(), createHash(algorithm).update(bytes).digest('hex'))
    hash.close()
    hash.close()
  }
})

test('of nothing; several at a time', async () => {
  const hashes = Array.from({ length: 10 }, () => new PoolHash('sha256'))
  await Promise.all(hashes.map((hash, at) => hash.update(Buffer.from(String(at)))))
  for (const [at, hash] of hashes.entries()) {
    assert.equal(hash.digest(), createHash('sha256').update(String(at)).digest('hex'))
    hash.close()
  }
  const empty = new PoolHash('sha256')
  assert.equal(empty.digest(), createHash('sha256').digest('hex'))
  empty.close()
})

test('an algorithm that nobody knows is refused', () => {
  assert.throws(() => new PoolHash('sha257'), /Digest method not supported|sha257/)
})

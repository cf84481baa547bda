import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BerthError } from '../lib/errors.ts'
import { imageUser, parseImageConfig } from './image-config.ts'
import { parseManifest } from './manifest.ts'
import { formatReference, parseReference } from './reference.ts'
import { parseChallenges } from './registry/challenge.ts'
import { cpuTimeMs } from './testing/cpu-time.ts'
import { parsePaxRecords } from './unpack/pax.ts'
import { TarReader } from './unpack/tar-reader.ts'

/**
 * Whatever comes in, a parser answers or throws an ordinary error, and soon. The inputs are good ones with bytes changed,
 * cut, doubled and mixed, from a seed that is in the message when something fails; so many rounds take a second or two.
 */
const rounds = 3000

/** mulberry32: small, and the same everywhere. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function mutate(bytes: Buffer, next: () => number): Buffer {
  const interesting = [0, 1, 0x20, 0x22, 0x2f, 0x3a, 0x3d, 0x40, 0x7f, 0x80, 0xff]
  let result = Buffer.from(bytes)
  for (let i = 1 + Math.floor(next() * 6); i > 0; i--) {
    const at = Math.floor(next() * (result.length + 1))
    const length = Math.floor(next() * 40)
    const kind = next()
    if (kind < 0.5 && at < result.length) {
      const value = next() < 0.5 ? interesting[Math.floor(next() * interesting.length)] : next() * 256
      result[at] = value ?? 0
    } else if (kind < 0.7) result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)])
    else if (kind < 0.9) {
      result = Buffer.concat([result.subarray(0, at), result.subarray(at, at + length), result.subarray(at)])
    } else result = result.subarray(0, at)
  }
  return result
}

function fuzz(samples: readonly (string | Buffer)[], parse: (input: Buffer) => void): void {
  for (let seed = 1; seed <= rounds; seed++) {
    const next = random(seed)
    const input = mutate(Buffer.from(samples[seed % samples.length] as string), next)
    const taken = cpuTimeMs(() => {
      try {
        parse(input)
      } catch (error) {
        const isOurs = error instanceof Error && !(error instanceof TypeError || error instanceof RangeError)
        assert.ok(isOurs, `seed ${seed}: ${error}`)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
        assert.doesNotMatch(error.message, /[\x00-\x08\x0b-\x1f\x7f]/, `seed ${seed}: a message for a terminal`)
      }
    })
    assert.ok(taken < 1000, `seed ${seed} took too long`)
  }
}

const digest = `sha256:${'0a'.repeat(32)}`
const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: 5 }

test('references', () => {
  fuzz(['busybox', 'registry.example:5000/a/b_c:v1.0', `[::1]:5000/a@${digest}`, `a/b:t@${digest}`], (input) => {
    try {
      const text = formatReference(parseReference(input.toString('utf8')))
      assert.equal(formatReference(parseReference(text)), text)
    } catch (error) {
      if (!(error instanceof BerthError)) throw new TypeError('not an invalid-argument', { cause: error })
      throw error
    }
  })
})

test('challenges', () => {
  const samples = [
    'Bearer realm="https://a/t",service="s",scope="repository:a:pull"',
    'Basic realm="x\\"y", Digest a=b',
  ]
  fuzz([...samples, `Bearer ${'a="'.repeat(2000)}`, `${'\\'.repeat(5000)}"`], (input) => {
    parseChallenges(input.toString('latin1'))
  })
})

test('manifests and configurations', () => {
  const manifest = { schemaVersion: 2, config: descriptor, layers: [descriptor, descriptor], annotations: { a: 'b' } }
  const index = { manifests: [{ ...descriptor, platform: { os: 'linux', architecture: 'amd64' } }] }
  fuzz([JSON.stringify(manifest), JSON.stringify(index), '[[[[', `{"a":${'['.repeat(5000)}`], (input) => {
    parseManifest(input, '')
  })
  const config = { os: 'linux', config: { User: '1:2', Env: ['A=b'] }, rootfs: { diff_ids: [digest] } }
  fuzz([JSON.stringify(config)], (input) => void parseImageConfig(input))
})

test('users that are no uid are names', () => {
  for (const user of [
    '4294967295',
    '4294967296',
    '18446744073709551616',
    '-1',
    '1e3',
    '0x0',
    ' 0',
    '00000000000',
    '٠',
  ]) {
    assert.deepEqual(imageUser(user), { username: user }, user)
  }
  assert.deepEqual(imageUser('4294967294:0'), { uid: 4294967294 })
})

test('tar archives', () => {
  const header = (type: string, size: number) => {
    const block = Buffer.alloc(512)
    block.write('name', 0)
    block.write('0000644\u00000000000\u00000000000\u0000', 100)
    block.write(size.toString(8).padStart(11, '0'), 124)
    block.write(`00000000000\u0000        ${type}`, 136)
    block.write('ustar\u000000', 257)
    block.write(
      `${block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\u0000 `,
      148,
    )
    return block
  }
  const body = (text: string) => Buffer.concat([Buffer.from(text), Buffer.alloc(512 - (text.length % 512))])
  const sparse = '22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.realsize=9\n'
  const samples = [
    Buffer.concat([header('0', 5), body('hello'), header('5', 0), Buffer.alloc(1024)]),
    Buffer.concat([header('x', 25), body('25 SCHILY.xattr.user.a=bc\n'), header('0', 0), Buffer.alloc(1024)]),
    Buffer.concat([header('x', sparse.length), body(sparse), header('0', 515), body('1\n0\n3\n'), body('abc')]),
    Buffer.concat([header('S', 0), header('L', 5), body('long'), header('1', 0)]),
  ]
  let checksums = 0
  fuzz(samples, (input) => {
    // A wrong checksum ends it at once: most headers get a right one again.
    for (let at = 0; at + 512 <= input.length && checksums++ % 4 !== 0; at += 512) {
      input.fill(' ', at + 148, at + 156)
      const sum = input.subarray(at, at + 512).reduce((total, byte) => total + byte, 0)
      input.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, at + 148, 'latin1')
    }
    const reader = new TarReader({ entry() {}, data() {}, end() {} })
    reader.push(input)
    reader.finish()
  })
  fuzz(['12 path=abc\n20 mtime=12345.6789\n'], (input) => void parsePaxRecords(input))
})

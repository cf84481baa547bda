import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { parseReference } from '../reference.ts'
import { requirementsFor, type SignedIdentity } from './policy.ts'
import { checkSignature } from './simple-signing.ts'

function policyFile(t: TestContext, policy: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-policy-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'policy.json'), JSON.stringify(policy))
  return join(folder, 'policy.json')
}

/** A requirement that shows where it came from. */
const marked = (keyPath: string) => [{ type: 'sigstoreSigned', keyPath }]

test('the longest scope of the transport docker counts, then the default', async (t) => {
  const docker = Object.fromEntries(
    ['', '*.example.com', '*.a.example.com', 'b.a.example.com', 'b.a.example.com:5000', 'b.a.example.com/x/y']
      .concat(['b.a.example.com/x/y:tag', 'docker.io/library'])
      .map((scope) => [scope, marked(scope || 'empty')]),
  )
  const others = { 'docker-daemon': { '': [{ type: 'reject' }] }, oci: { '/x': [{ type: 'signedBy' }] } }
  const all = policyFile(t, { default: marked('default'), transports: { docker, ...others } })
  const scopeOf = async (image: string, path = all) => {
    const [first] = await requirementsFor(path, parseReference(image))
    return first?.type === 'sigstoreSigned' ? first.keyPath : first?.type
  }
  const wanted: Record<string, string> = {
    'b.a.example.com/x/y:tag': 'b.a.example.com/x/y:tag',
    'b.a.example.com/x/y:other': 'b.a.example.com/x/y',
    'b.a.example.com/x/y/z': 'b.a.example.com/x/y',
    'b.a.example.com/x/yz': 'b.a.example.com',
    'b.a.example.com:5000/x/y': 'b.a.example.com:5000',
    'b.a.example.com:6000/x/y': '*.a.example.com',
    'c.a.example.com/x': '*.a.example.com',
    'c.example.com/x': '*.example.com',
    'example.com/x': 'empty',
    'notexample.com/x': 'empty',
    busybox: 'docker.io/library',
    'docker.io/other/busybox': 'empty',
  }
  for (const [image, scope] of Object.entries(wanted)) assert.equal(await scopeOf(image), scope, image)
  const none = policyFile(t, { default: marked('default'), transports: others })
  assert.equal(await scopeOf('busybox', none), 'default')
  assert.equal(await scopeOf('busybox', policyFile(t, { default: marked('default') })), 'default')
})

test('what Berth cannot verify is refused with words, and only where it counts', async (t) => {
  const refused: [requirement: object, message: RegExp][] = [
    [
      { type: 'signedBy', keyType: 'GPGKeys', keyPath: '/k' },
      /GPG signature, which Berth does not read; use "sigstore/,
    ],
    [{ type: 'sigstoreSigned', fulcio: {} }, /by key, not by certificates of Fulcio/],
    [{ type: 'sigstoreSigned', keyPath: '/k', rekorPublicKeyPath: '/r' }, /not by a Rekor log/],
    [{ type: 'sigstoreSigned' }, /exactly one of keyPath/],
    [{ type: 'sigstoreSigned', keyPath: '/k', keyData: 'x' }, /exactly one of keyPath/],
    [
      { type: 'sigstoreSigned', keyPath: '/k', signedIdentity: { type: 'remapIdentity', prefix: 'a' } },
      /cannot be used/,
    ],
    [{ type: 'reject', extra: 1 }, /cannot be used/],
  ]
  for (const [requirement, message] of refused) {
    const path = policyFile(t, { default: [requirement], transports: { docker: { 'good.org': [{ type: 'reject' }] } } })
    await assert.rejects(requirementsFor(path, parseReference('busybox')), { code: 'failed-precondition', message })
    assert.equal((await requirementsFor(path, parseReference('good.org/a')))[0]?.type, 'reject')
  }
  const path = policyFile(t, { default: [{ type: 'reject' }], surprise: 1 })
  await assert.rejects(requirementsFor(path, parseReference('busybox')), /cannot be used/)
})

test('the name in a signature, by each kind of signedIdentity', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const digest = `sha256:${'a'.repeat(64)}`
  const isAccepted = (identity: SignedIdentity, signed: string, image: string): boolean => {
    const critical = {
      type: 'cosign container image signature',
      image: { 'docker-manifest-digest': digest },
      identity: { 'docker-reference': signed },
    }
    const payload = Buffer.from(JSON.stringify({ critical }))
    const signature = sign('sha256', payload, privateKey)
    try {
      checkSignature({
        payload,
        signature,
        key: publicKey,
        digests: [digest],
        reference: parseReference(image),
        identity,
      })
      return true
    } catch {
      return false
    }
  }
  const byDigest = `example.org/a@${digest}`
  const remap: SignedIdentity = { type: 'remapIdentity', prefix: 'mirror.org/x', signedPrefix: 'vendor.org' }
  const remapHost: SignedIdentity = { type: 'remapIdentity', prefix: 'mirror.org', signedPrefix: 'vendor.org/up' }
  const exactReference: SignedIdentity = { type: 'exactReference', dockerReference: 'vendor.org/a:1' }
  const exactRepository: SignedIdentity = { type: 'exactRepository', dockerRepository: 'vendor.org/a' }
  const cases: [identity: SignedIdentity, signed: string, image: string, accepted: boolean][] = [
    [{ type: 'matchExact' }, 'example.org/a:1', 'example.org/a:1', true],
    [{ type: 'matchExact' }, 'example.org/a:2', 'example.org/a:1', false],
    [{ type: 'matchExact' }, 'example.org/a:1', byDigest, false],
    [{ type: 'matchExact' }, 'example.org/a', 'example.org/a:latest', false],
    [{ type: 'matchRepoDigestOrExact' }, 'example.org/a:2', 'example.org/a:1', false],
    [{ type: 'matchRepoDigestOrExact' }, 'example.org/a:2', byDigest, true],
    [{ type: 'matchRepoDigestOrExact' }, 'example.org/b:2', byDigest, false],
    [{ type: 'matchRepository' }, 'example.org/a', 'example.org/a:1', true],
    [{ type: 'matchRepository' }, 'example.org/ab', 'example.org/a:1', false],
    [exactReference, 'vendor.org/a:1', 'mirror.org/any:9', true],
    [exactReference, 'vendor.org/a:2', 'mirror.org/any:9', false],
    [exactRepository, 'vendor.org/a:2', 'mirror.org/any:9', true],
    [exactRepository, 'vendor.org/b:2', 'mirror.org/any:9', false],
    [remap, 'vendor.org/a:1', 'mirror.org/x/a:1', true],
    [remap, 'mirror.org/x/a:1', 'mirror.org/x/a:1', false],
    [remap, 'vendor.org/a:2', 'mirror.org/x/a:1', false],
    [remap, 'vendor.org/a:2', `mirror.org/x/a@${digest}`, true],
    [remap, 'mirror.org/xy/a:1', 'mirror.org/xy/a:1', true],
    [remap, 'other.org/a:1', 'other.org/a:1', true],
    [remapHost, 'vendor.org/up/a:1', 'mirror.org/a:1', true],
    [remapHost, 'mirror.org:5000/a:1', 'mirror.org:5000/a:1', true],
    [remapHost, 'vendor.org/up:5000/a:1', 'mirror.org:5000/a:1', false],
  ]
  for (const [identity, signed, image, accepted] of cases) {
    assert.equal(isAccepted(identity, signed, image), accepted, `${JSON.stringify(identity)} ${signed} ${image}`)
  }
})

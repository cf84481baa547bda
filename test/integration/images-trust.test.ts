import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Images } from '../../src/image/images.ts'
import type { RegistryOptions } from '../../src/image/settings.ts'
import type { BerthError } from '../../src/lib/errors.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { openDatabase } from '../../src/state/database.ts'
import { FaultRegistry } from '../registry/fault-registry.ts'
import { blobOf, buildImage, buildIndex, buildLayer, descriptorOf, jsonBlob } from '../registry/image-builder.ts'

/** Who may pull what, and whose images are trusted. Needs root: layers have owners. */

async function place(t: TestContext, registryOptions: RegistryOptions = {}) {
  const registry = await FaultRegistry.start()
  const folder = mkdtempSync(join(tmpdir(), 'berth-trust-'))
  const policy = join(folder, 'policy.json')
  const open = (options: { readonly signaturePolicy?: string } = {}) => {
    const images = new Images({
      root: join(folder, 'images'),
      database: openDatabase(':memory:'),
      log: silentLogger,
      inUse: () => [],
      ...options,
      registry: { certsDirs: [], retry: { attempts: 1, firstDelayMs: 1, maxDelayMs: 1 }, ...registryOptions },
    })
    t.after(() => images.close())
    return images
  }
  t.after(async () => {
    await registry[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })
  return { registry, folder, policy, open }
}

const refused = (promise: Promise<unknown>, why: RegExp) =>
  assert.rejects(promise, (error: BerthError) => {
    assert.match(error.message, /^SignatureValidationFailed: /)
    assert.match(error.message, why)
    assert.equal(error.code, 'unknown')
    return true
  })

const image = buildImage({ layers: [buildLayer([{ name: 'a', data: 'a' }])] })
const index = buildIndex([image])

/** What `cosign sign --key` puts beside an image. */
function signature(digest: string, name: string, key: KeyObject, change: (payload: string) => string = (text) => text) {
  const identity = { 'docker-reference': name }
  const critical = { identity, image: { 'docker-manifest-digest': digest }, type: 'cosign container image signature' }
  const payload = Buffer.from(JSON.stringify({ critical, optional: null }))
  const made = sign('sha256', payload, key).toString('base64')
  const layer = blobOf('application/vnd.dev.cosign.simplesigning.v1+json', Buffer.from(change(String(payload))))
  const config = jsonBlob('application/vnd.oci.image.config.v1+json', {})
  const manifest = jsonBlob('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptorOf(config),
    layers: [{ ...descriptorOf(layer), annotations: { 'dev.cosignproject.cosign/signature': made } }],
  })
  return { layer, manifest, tag: `${digest.replace(':', '-')}.sig` }
}

test('signatures of cosign: made by the key, for this image, under this name', async (t) => {
  const { registry, folder, policy, open } = await place(t)
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keyPath = join(folder, 'cosign.pub')
  writeFileSync(keyPath, key.publicKey.export({ type: 'spki', format: 'pem' }))
  const name = `${registry.host}/team/app`
  const require = (requirement: object) =>
    writeFileSync(
      policy,
      JSON.stringify({
        default: [{ type: 'reject' }],
        transports: { docker: { [`${registry.host}/team`]: [requirement] } },
      }),
    )
  const signed = { type: 'sigstoreSigned', keyPath, signedIdentity: { type: 'matchRepository' } }
  const images = open({ signaturePolicy: policy })
  registry.add('team/app', 'v1', index)
  registry.add('else', 'v1', index)
  const put = ({ layer, manifest, tag }: ReturnType<typeof signature>) => {
    registry.addBlob('team/app', layer)
    registry.addManifest('team/app', tag, manifest)
  }
  const pull = () => images.pull({ image: `${name}:v1` })

  require(signed)
  await refused(images.pull({ image: `${registry.host}/else:v1` }), /the signature policy rejects it/)
  await refused(pull(), /no signature exists/)
  put(signature(index.index.digest, name, other.privateKey))
  await refused(pull(), /not made by the key/)
  put(signature(index.index.digest, name, key.privateKey, (text) => text.replace('null', '{}')))
  await refused(pull(), /not made by the key/)
  put(signature(image.layers[0]!.digest, name, key.privateKey))
  registry.addManifest(
    'team/app',
    `${index.index.digest.replace(':', '-')}.sig`,
    signature('sha256:0', name, key.privateKey).manifest,
  )
  registry.addBlob('team/app', signature('sha256:0', name, key.privateKey).layer)
  await refused(pull(), /for another image/)
  put(signature(index.index.digest, `${registry.host}/team/other`, key.privateKey))
  await refused(pull(), /for the name/)
  assert.equal(registry.requests(new RegExp(image.layers[0]!.digest)).length, 0, 'no layer of what is refused')

  put(signature(index.index.digest, name, key.privateKey))
  assert.equal((await pull()).imageId, image.id)
  // The bare repository that cosign writes is no exact name of a tag, as containers/image has it.
  require({ ...signed, signedIdentity: { type: 'matchExact' } })
  await refused(pull(), /for the name/)
  // A present image is checked again; the policy may have changed.
  writeFileSync(policy, JSON.stringify({ default: [{ type: 'reject' }] }))
  await refused(pull(), /rejects it/)
  // The digest of the manifest itself may be what is signed.
  require({
    ...signed,
    keyPath: undefined,
    keyData: Buffer.from(String(key.publicKey.export({ type: 'spki', format: 'pem' }))).toString('base64'),
  })
  registry.add('team/app', 'v2', image)
  put(signature(image.manifest.digest, name, key.privateKey))
  await images.pull({ image: `${name}:v2` })
})

test('a policy that cannot be read lets nothing pass', async (t) => {
  const { registry, policy, open } = await place(t)
  registry.add('a', 'latest', image)
  const images = open({ signaturePolicy: policy })
  const pull = () => images.pull({ image: `${registry.host}/a` })
  const bad = [undefined, '{', '{}', '{"default":[]}', '{"default":[{"type":"signedBy"}]}']
  for (const text of [...bad, '{"default":[{"type":"sigstoreSigned"}]}']) {
    if (text !== undefined) writeFileSync(policy, text)
    await assert.rejects(pull(), { code: 'failed-precondition' }, text)
  }
  writeFileSync(
    policy,
    '{"default":[{"type":"reject"}],"transports":{"docker":{"":[{"type":"insecureAcceptAnything"}]}}}',
  )
  await pull()
  writeFileSync(
    policy,
    '{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"*.0.0.1":[{"type":"reject"}]}}}',
  )
  await refused(pull(), /rejects it/)
})

test('config.json: credentials by the longest path, helpers; those of the pull come first', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-auth-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const authFile = join(folder, 'config.json')
  const asked: string[] = []
  const runHelper = async (helper: string, server: string) => {
    asked.push(`${helper} ${server}`)
    return helper === 'empty' ? 'credentials not found in native keychain' : '{"Username":"h","Secret":"s"}'
  }
  const { registry, open } = await place(t, { authFile, runHelper })
  registry.add('team/app', 'v1', image)
  const basic = (text: string) => Buffer.from(text).toString('base64')
  const images = open()
  const sent = async (auth?: { username: string; password: string }) => {
    registry.challenge = ({ headers }) => (headers.authorization ? undefined : 'Basic realm="x"')
    await images.pull({ image: `${registry.host}/team/app:v1`, ...(auth && { auth }) })
    const header = String(registry.seen.at(-1)?.headers.authorization)
    return Buffer.from(header.replace('Basic ', ''), 'base64').toString()
  }
  const auths = {
    [`https://${registry.host}/v2/`]: { auth: basic('host:1') },
    [`${registry.host}/team`]: { auth: basic('team:2') },
  }
  writeFileSync(authFile, JSON.stringify({ auths }))
  chmodSync(authFile, 0o600)
  assert.equal(await sent(), 'team:2')
  assert.equal(await sent({ username: 'pull', password: '3' }), 'pull:3')
  writeFileSync(authFile, JSON.stringify({ auths, credHelpers: { [`${registry.host}/team/app`]: 'cloud' } }))
  assert.equal(await sent(), 'h:s')
  writeFileSync(authFile, JSON.stringify({ credsStore: 'store' }))
  assert.equal(await sent(), 'h:s')
  assert.deepEqual(asked, [`cloud ${registry.host}/team/app`, `store ${registry.host}`])
  writeFileSync(authFile, JSON.stringify({ credsStore: 'empty' }))
  await assert.rejects(images.pull({ image: `${registry.host}/team/app:v1` }), { code: 'unauthenticated' })
  for (const text of ['{"auths":{"x":{"auth":"secret"', '{"credsStore":"../../bin/sh"}']) {
    writeFileSync(authFile, text)
    await assert.rejects(images.pull({ image: `${registry.host}/team/app:v1` }), (error: BerthError) => {
      assert.equal(error.code, 'failed-precondition')
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  }
})

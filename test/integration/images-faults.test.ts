import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { setTimeout as sleep } from 'node:timers/promises'
import { Images, type ImagesOptions } from '../../src/image/images.ts'
import type { BerthError } from '../../src/lib/errors.ts'
import { silentLogger } from '../../src/lib/log.ts'
import { mountTmpfs, unmount } from '../../src/linux/mount.ts'
import { openDatabase } from '../../src/state/database.ts'
import { FaultRegistry } from '../registry/fault-registry.ts'
import {
  type BuiltImage,
  blobOf,
  buildImage,
  buildIndex,
  buildLayer,
  digestOf,
  jsonBlob,
} from '../registry/image-builder.ts'
import { tarEntry } from '../registry/tar-writer.ts'
import { testCertificate } from '../registry/test-certificate.ts'

/** What a pull does when the registry fails, lies or attacks. Needs root: layers have owners. */

const quick = {
  timeouts: { answerMs: 1000, stallMs: 300 },
  retry: { attempts: 3, firstDelayMs: 5, maxDelayMs: 50 },
}

interface Place {
  readonly images: Images
  readonly root: string
  readonly registry: FaultRegistry
}

async function place(t: TestContext, options: Partial<ImagesOptions> = {}): Promise<Place> {
  const registry = await FaultRegistry.start()
  const root = options.root ?? mkdtempSync(join(tmpdir(), 'berth-images-'))
  const images = new Images({
    root,
    database: openDatabase(':memory:'),
    log: silentLogger,
    inUse: () => [],
    ...options,
    registry: { certsDirs: [], ...quick, ...options.registry },
  })
  t.after(async () => {
    await images.close()
    await registry[Symbol.asyncDispose]()
    rmSync(root, { recursive: true, force: true })
  })
  return { images, root, registry }
}

/** Nothing of a failed pull is left, but perhaps the part of a blob for the next one. */
async function assertNothingLeft({ images, root }: Place, ingest = 0): Promise<void> {
  await images.sweep()
  for (const name of ['layers', 'staging', 'trash']) assert.deepEqual(readdirSync(join(root, name)), [], name)
  assert.equal(readdirSync(join(root, 'ingest')).length, ingest, 'ingest')
  assert.deepEqual(images.list(), [])
  assert.deepEqual(images.progress(), [])
}

function rejects(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error: BerthError) => {
    assert.match(error.message, message)
    assert.equal(error.code, code)
    return true
  })
}

/** Random bytes do not compress, so that the layer is as long as it says. */
function incompressible(length: number, seed = 'x'): Buffer {
  const pieces: Buffer[] = []
  for (let i = 0; i * 64 < length; i++) pieces.push(createHash('sha512').update(`${seed}${i}`).digest())
  return Buffer.concat(pieces).subarray(0, length)
}

function bigImage(): BuiltImage {
  return buildImage({ layers: [buildLayer([{ name: 'big', data: incompressible(2_000_000) }])] })
}

test('a registry that is not there', async (t) => {
  const at = await place(t)
  await at.registry.stop()
  await rejects(
    at.images.pull({ image: `${at.registry.host}/a` }),
    'unknown',
    /^RegistryUnavailable: .*refuses the connection/,
  )
  await rejects(at.images.pull({ image: 'nowhere.invalid/a' }), 'unknown', /^RegistryUnavailable: .*nowhere\.invalid/)
  await assertNothingLeft(at)
})

test('a registry that accepts and says nothing', async (t) => {
  const at = await place(t)
  at.registry.plan = () => ({ do: 'ignore' })
  await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'unknown', /^RegistryUnavailable: .*did not answer/)
  assert.equal(at.registry.seen.length, quick.retry.attempts)
  await assertNothingLeft(at)
})

test('something that does not speak HTTP', async (t) => {
  const at = await place(t)
  const server = createServer((socket) => socket.end('220 mail.example ESMTP\r\n')).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await rejects(at.images.pull({ image: `127.0.0.1:${port}/a` }), 'unknown', /^RegistryUnavailable: /)
  await assertNothingLeft(at)
})

test('5xx and 429 are tried again, and end as RegistryUnavailable', async (t) => {
  const at = await place(t)
  const image = bigImage()
  at.registry.add('a', 'latest', image)
  at.registry.plan = ({ url }, count) =>
    url.includes('/manifests/') && count < 3 ? { do: 'answer', status: 503 } : undefined
  assert.equal((await at.images.pull({ image: `${at.registry.host}/a` })).imageId, image.id)
  await at.images.remove(image.id)

  const body = '{"errors":[{"code":"TOOMANYREQUESTS","message":"slow \\u001b[31mdown"}]}'
  at.registry.plan = () => ({ do: 'answer', status: 429, headers: { 'retry-after': '0' }, body })
  await rejects(
    at.images.pull({ image: `${at.registry.host}/a` }),
    'unknown',
    /^RegistryUnavailable: .*429 \(TOOMANYREQUESTS: slow/,
  )
  at.registry.plan = ({ url }) => (url.includes('/blobs/') ? { do: 'answer', status: 500 } : undefined)
  await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'unknown', /^RegistryUnavailable: .*500/)
  await assertNothingLeft(at)
})

test('an image, a manifest or a blob that is not there', async (t) => {
  const at = await place(t)
  const image = bigImage()
  at.registry.add('a', 'latest', image)
  await rejects(
    at.images.pull({ image: `${at.registry.host}/a:nope` }),
    'not-found',
    /a:nope: not found .*check the name/,
  )
  at.registry.plan = ({ url }) => (url.includes(image.layers[0]!.digest) ? { do: 'answer', status: 404 } : undefined)
  await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'not-found', /incomplete, push it again/)
  await assertNothingLeft(at)
})

test('credentials: wanted, refused, forbidden', async (t) => {
  const at = await place(t)
  at.registry.add('a', 'latest', bigImage())
  const image = `${at.registry.host}/a`
  const good = `Basic ${Buffer.from('user:pass').toString('base64')}`
  at.registry.challenge = ({ headers }) => (headers.authorization === good ? undefined : 'Basic realm="x"')
  await rejects(at.images.pull({ image }), 'unauthenticated', /give a pull secret/)
  await rejects(
    at.images.pull({ image, auth: { username: 'user', password: 'no' } }),
    'unauthenticated',
    /refuses the credentials/,
  )
  await rejects(at.images.pull({ image, auth: { auth: '!' } }), 'invalid-argument', /damaged/)
  const elsewhere = { username: 'user', password: 'pass', serverAddress: 'https://other.example' }
  await rejects(at.images.pull({ image, auth: elsewhere }), 'unauthenticated', /give a pull secret/)
  at.registry.plan = () => ({ do: 'answer', status: 403 })
  await rejects(at.images.pull({ image }), 'permission-denied', /access denied/)
  await assertNothingLeft(at)
  at.registry.plan = () => undefined
  for (const auth of [
    { username: 'user', password: 'pass' },
    { auth: Buffer.from('user:pass').toString('base64') },
    { username: 'user', password: 'pass', serverAddress: `http://${at.registry.host}/v2/` },
  ]) {
    await at.images.pull({ image, auth })
    await at.images.remove(image)
  }
})

test('a token service: anonymous, with a password, with an identity token, with a registry token', async (t) => {
  const at = await place(t)
  at.registry.add('a', 'latest', bigImage())
  const realm = `http://${at.registry.host}/token`
  at.registry.challenge = ({ headers }) =>
    headers.authorization === 'Bearer t0' ? undefined : `Bearer realm="${realm}",service="s",scope="repository:a:pull"`
  at.registry.plan = ({ url }) =>
    url.startsWith('/token') ? { do: 'answer', status: 200, body: '{"token":"t0","expires_in":60}' } : undefined
  const image = `${at.registry.host}/a`
  const lastToken = () => at.registry.requests(/ \/token/).at(-1)!
  await at.images.pull({ image })
  assert.equal(lastToken().url, '/token?service=s&scope=repository%3Aa%3Apull')
  assert.equal(lastToken().headers.authorization, undefined)
  await at.images.pull({ image, auth: { username: 'u', password: 'p' } })
  assert.match(lastToken().url, /account=u/)
  assert.equal(lastToken().headers.authorization, `Basic ${Buffer.from('u:p').toString('base64')}`)
  await at.images.pull({ image, auth: { identityToken: 'refresh' } })
  assert.equal(lastToken().method, 'POST')
  const tokens = at.registry.requests(/\/token/).length
  await at.images.pull({ image, auth: { registryToken: 't0' } })
  assert.equal(at.registry.requests(/\/token/).length, tokens)
  await rejects(at.images.pull({ image, auth: { registryToken: 'bad' } }), 'unauthenticated', /token is not accepted/)

  at.registry.plan = ({ url }) =>
    url.startsWith('/token') ? { do: 'answer', status: 200, body: '{"token":"a\\r\\nb: c"}' } : undefined
  const as = (username: string) => ({ image, auth: { username, password: 'p' } })
  await rejects(at.images.pull(as('v')), 'unauthenticated', /characters that no token has/)
  at.registry.plan = ({ url }) => (url.startsWith('/token') ? { do: 'answer', status: 500 } : undefined)
  await rejects(at.images.pull(as('w')), 'unknown', /^RegistryUnavailable: /)
  // A token is used again for the same question, until the registry does not take it any more.
  at.registry.plan = ({ url }) =>
    url.startsWith('/token') ? { do: 'answer', status: 200, body: '{"token":"t1"}' } : undefined
  const before = at.registry.requests(/\/token/).length
  await at.images.pull({ image })
  assert.equal(at.registry.requests(/\/token/).length, before)
  at.registry.challenge = ({ headers }) =>
    headers.authorization === 'Bearer t1' ? undefined : `Bearer realm="${realm}",service="s",scope="repository:a:pull"`
  await at.images.pull({ image })
  assert.ok(at.registry.requests(/\/token/).length > before)
  at.registry.challenge = () => 'Bearer realm="file:///etc/passwd"'
  at.registry.plan = () => undefined
  await rejects(at.images.pull({ image }), 'unauthenticated', /token service that cannot be used/)
})

test('a redirect to another host does not carry the credentials', async (t) => {
  const at = await place(t)
  const cdn = await FaultRegistry.start()
  t.after(() => cdn.stop())
  const image = bigImage()
  at.registry.add('a', 'latest', image)
  cdn.add('a', 'latest', image)
  at.registry.challenge = ({ headers }) => (headers.authorization ? undefined : 'Basic realm="x"')
  at.registry.plan = ({ url, headers }) =>
    url.includes('/blobs/') && headers.authorization
      ? { do: 'answer', status: 307, headers: { location: `http://${cdn.host}${url}` } }
      : undefined
  await at.images.pull({ image: `${at.registry.host}/a`, auth: { username: 'u', password: 'secret' } })
  assert.ok(cdn.seen.length >= 2, 'the other host served the blobs')
  for (const { headers } of cdn.seen) {
    assert.equal(headers.authorization, undefined)
    assert.equal(headers.cookie, undefined)
  }
})

test('redirects that are not followed', async (t) => {
  const at = await place(t)
  at.registry.add('a', 'latest', bigImage())
  const image = `${at.registry.host}/a`
  for (const [location, why] of [
    ['http://192.0.2.1/x', /not safe/],
    ['file:///etc/passwd', /not safe/],
    ['http://[', /nowhere/],
    [`http://${at.registry.host}/v2/a/manifests/latest`, /without end/],
  ] as const) {
    at.registry.plan = () => ({ do: 'answer', status: 302, headers: { location } })
    await rejects(at.images.pull({ image }), 'unknown', why)
  }
  await assertNothingLeft(at)
})

test('a broken connection is resumed where it broke', async (t) => {
  const at = await place(t)
  const image = bigImage()
  const blob = image.layers[0]!
  at.registry.add('a', 'latest', image)
  at.registry.plan = ({ url }, count) => {
    if (!url.includes(blob.digest)) return undefined
    return count <= 3 ? { do: 'cut', after: 400_000 } : undefined
  }
  await at.images.pull({ image: `${at.registry.host}/a` })
  const ranges = at.registry
    .requests(/blobs/)
    .filter(({ url }) => url.includes(blob.digest))
    .map(({ headers }) => headers.range)
  assert.equal(ranges[0], undefined)
  assert.ok(
    ranges.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range ?? '')),
    String(ranges),
  )
  const { layerDirs } = await at.images.use(image.id)
  assert.deepEqual(readFileSync(join(layerDirs[0]!, 'big')), incompressible(2_000_000))
})

test('a registry without Range, and one that stalls', async (t) => {
  const at = await place(t)
  const image = bigImage()
  at.registry.add('a', 'latest', image)
  at.registry.plan = ({ url }, count) => {
    if (!url.includes(image.layers[0]!.digest)) return undefined
    return count === 1 ? { do: 'stall', after: 500_000 } : { do: 'no-range' }
  }
  await at.images.pull({ image: `${at.registry.host}/a` })
  assert.equal(at.images.list().length, 1)
})

test('a stall is silence, not slowness', async (t) => {
  // Shorter than the whole, and much longer than a pause of it.
  const at = await place(t, { registry: { ...quick, timeouts: { answerMs: 10_000, stallMs: 2000 } } })
  const image = bigImage()
  at.registry.add('a', 'latest', image)
  at.registry.plan = ({ url }) =>
    url.includes(image.layers[0]!.digest) ? { do: 'drip', pieces: 10, pauseMs: 250 } : undefined
  await at.images.pull({ image: `${at.registry.host}/a` })
  assert.equal(at.registry.requests(/blobs/).length, 2)
})

test('a connection that always breaks ends the pull, and the next goes on', async (t) => {
  const at = await place(t)
  const image = bigImage()
  const blob = image.layers[0]!
  at.registry.add('a', 'latest', image)
  at.registry.plan = ({ url }) => (url.includes(blob.digest) ? { do: 'cut', after: 100_000 } : undefined)
  await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'unknown', /^RegistryUnavailable: /)
  await assertNothingLeft(at, 1)
  at.registry.plan = () => undefined
  await at.images.pull({ image: `${at.registry.host}/a` })
  assert.match(at.registry.requests(/blobs/).at(-1)?.headers.range ?? '', /^bytes=[1-9]\d{5}-$/)
  assert.deepEqual(readdirSync(join(at.root, 'ingest')), [])
})

test('a damaged part of an earlier download is fetched anew', async (t) => {
  const at = await place(t)
  const image = bigImage()
  at.registry.add('a', 'latest', image)
  writeFileSync(join(at.root, 'ingest', image.layers[0]!.digest.replace(':', '-')), Buffer.alloc(100_000))
  await at.images.pull({ image: `${at.registry.host}/a` })
  assert.equal(at.images.list().length, 1)
})

test('wrong bytes in a layer, in the configuration, in a manifest', async (t) => {
  const at = await place(t)
  const image = bigImage()
  const index = buildIndex([image])
  at.registry.add('a', 'latest', index)
  const wrong = (bytes: Buffer) => {
    const copy = Buffer.from(bytes)
    copy[copy.length >> 1]! ^= 1
    return copy
  }
  for (const [blob, what] of [
    [image.layers[0]!, /layer sha256:.* is not what was promised: expected sha256:.*, got sha256:/],
    [image.config, /the configuration is not what was promised/],
    [image.manifest, /manifest is not what was promised/],
    [index.index, /manifest is not what was promised/],
  ] as const) {
    const path = blob === index.index ? 'latest' : blob.digest
    at.registry.plan = ({ url }) => (url.includes(path) ? { do: 'replace', bytes: wrong(blob.bytes) } : undefined)
    await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'unknown', what)
    await assertNothingLeft(at)
  }
})

test('wrong sizes: longer, shorter, and a lie about Content-Length', async (t) => {
  const at = await place(t)
  const image = bigImage()
  const blob = image.layers[0]!
  at.registry.add('a', 'latest', image)
  const pull = () => at.images.pull({ image: `${at.registry.host}/a` })
  const answer = (bytes: Buffer, headers?: Record<string, string>) => {
    at.registry.plan = ({ url }) =>
      url.includes(blob.digest) ? { do: 'replace', bytes, ...(headers ? { headers } : {}) } : undefined
  }
  answer(Buffer.concat([blob.bytes, Buffer.from('more')]))
  await rejects(pull(), 'unknown', /promised: expected \d+ bytes, got \d+ bytes/)
  answer(blob.bytes.subarray(0, 1000))
  await rejects(pull(), 'unknown', /promised: expected \d+ bytes, got 1000 bytes/)
  await assertNothingLeft(at)
  // Announces all of it and sends less, each time.
  answer(blob.bytes.subarray(0, 1000), {
    'content-length': String(blob.size),
    'content-range': `bytes 1000-9/${blob.size}`,
  })
  await rejects(pull(), 'unknown', /RegistryUnavailable: /)
  await assertNothingLeft(at, 1)
  rmSync(join(at.root, 'ingest', blob.digest.replace(':', '-')))
  // The manifest lies.
  const lying = buildImage({ layers: [{ ...blob, size: blob.size + 1 }] })
  at.registry.plan = () => undefined
  at.registry.add('lying', 'latest', lying)
  await rejects(at.images.pull({ image: `${at.registry.host}/lying` }), 'unknown', /promised: expected \d+ bytes/)
  await assertNothingLeft(at)
})

test('a layer that unpacks to something else than the configuration says', async (t) => {
  const at = await place(t)
  const layer = buildLayer([{ name: 'a', data: 'a' }])
  const other = buildLayer([{ name: 'a', data: 'b' }])
  at.registry.add('a', 'latest', buildImage({ layers: [{ ...layer, diffId: other.diffId }] }))
  await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'unknown', /unpacked layer .* promised/)
  await assertNothingLeft(at)
})

test('layers that are no layers', async (t) => {
  const at = await place(t)
  const tar = buildLayer([{ name: 'a', data: incompressible(100_000) }], { compression: 'none' })
  const gzip = buildLayer([{ name: 'a', data: incompressible(100_000) }])
  const cut = { ...blobOf(gzip.mediaType, gzip.bytes.subarray(0, 50_000)), diffId: gzip.diffId }
  const cutTar = { ...blobOf(tar.mediaType, tar.bytes.subarray(0, 50_000)), diffId: tar.diffId }
  const noise = { ...blobOf(tar.mediaType, incompressible(5000)), diffId: tar.diffId }
  const html = { ...blobOf(tar.mediaType, Buffer.from(`<html>${'x'.repeat(600)}`)), diffId: tar.diffId }
  for (const layer of [cut, cutTar, noise, html]) {
    at.registry.add('a', 'latest', buildImage({ layers: [layer] }))
    await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'failed-precondition', /cannot be unpacked: /)
    await assertNothingLeft(at)
  }
})

test('manifests that are not what they seem', async (t) => {
  const at = await place(t)
  const good = bigImage()
  at.registry.add('a', 'latest', good)
  const manifest = JSON.parse(good.manifest.bytes.toString())
  const ociIndex = 'application/vnd.oci.image.index.v1+json'
  const schema1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws'
  for (const [document, type, why] of [
    [{ schemaVersion: 1, name: 'a', tag: 'b', fsLayers: [] }, schema1, /schema 1/],
    [{ schemaVersion: 1, fsLayers: [] }, 'application/json', /schema 1/],
    [{ ...manifest, manifests: [] }, manifest.mediaType, /claims to be an index/],
    [manifest, ociIndex, /claims to be an index/],
    [{ ...manifest, mediaType: ociIndex }, 'application/vnd.oci.image.manifest.v1+json', /claims to be an index/],
    [{ manifests: [] }, ociIndex, /no image for linux/],
    [{ hello: 1 }, 'text/html', /unknown kind/],
    [[1], manifest.mediaType, /no JSON object/],
    [{ ...manifest, layers: 'x' }, manifest.mediaType, /damaged/],
    [
      { ...manifest, layers: [{ ...manifest.layers[0], digest: 'sha256:../../x' }] },
      manifest.mediaType,
      /not a digest/,
    ],
    [{ ...manifest, layers: [{ ...manifest.layers[0], size: -1 }] }, manifest.mediaType, /damaged/],
    [{ ...manifest, layers: Array(501).fill(manifest.layers[0]) }, manifest.mediaType, /more than 500 layers/],
    [{ ...manifest, layers: [] }, manifest.mediaType, /has 0 layers, its configuration 1/],
    [{ ...manifest, config: { ...manifest.config, size: 5e6 } }, manifest.mediaType, /more than/],
  ] as const) {
    at.registry.addManifest('bad', 'latest', jsonBlob(type, document))
    for (const blob of [...good.layers, good.config]) at.registry.addBlob('bad', blob)
    await rejects(at.images.pull({ image: `${at.registry.host}/bad` }), 'failed-precondition', why)
  }
  at.registry.addManifest('big', 'latest', blobOf(manifest.mediaType, Buffer.alloc(5_000_000, ' ')))
  await rejects(at.images.pull({ image: `${at.registry.host}/big` }), 'failed-precondition', /more than/)
  const loop = jsonBlob(ociIndex, { mediaType: ociIndex, manifests: [] })
  at.registry.addManifest('loop', 'latest', loop)
  await assertNothingLeft(at)
})

test('configurations that are not what they seem', async (t) => {
  const at = await place(t)
  const layer = buildLayer([{ name: 'a' }])
  for (const [config, platform, why] of [
    [{ Env: 'PATH' }, undefined, /configuration is damaged/],
    [{ Labels: { a: 1 } }, undefined, /configuration is damaged/],
    [{}, { os: 'windows', architecture: 'amd64' }, /made for windows\/amd64/],
  ] as const) {
    at.registry.add('a', 'latest', buildImage({ layers: [layer], config, ...(platform ? { platform } : {}) }))
    await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'failed-precondition', why)
    await assertNothingLeft(at)
  }
  at.registry.add('a', 'latest', buildImage({ layers: [layer], config: { User: '4294967296' } }))
  await at.images.pull({ image: `${at.registry.host}/a` })
  assert.deepEqual(at.images.list()[0]?.user, { username: '4294967296' }, 'a uid that wraps to 0 is no uid')
})

test('an index without this platform says what it has', async (t) => {
  const at = await place(t)
  const layers = [buildLayer([{ name: 'a' }])]
  const images = ['s390x', 'riscv64'].map((architecture) =>
    buildImage({ layers, platform: { os: 'linux', architecture } }),
  )
  at.registry.add('a', 'latest', buildIndex(images))
  await rejects(
    at.images.pull({ image: `${at.registry.host}/a` }),
    'failed-precondition',
    /made for linux\/s390x, linux\/riscv64/,
  )
  await assertNothingLeft(at)
})

test('one failing layer ends the pull of the others', async (t) => {
  const at = await place(t)
  const bad = buildLayer([{ name: '../escape', data: 'x' }])
  const slow = buildLayer([{ name: 'slow', data: incompressible(1_000_000, 'slow') }])
  at.registry.add('a', 'latest', buildImage({ layers: [slow, bad] }))
  at.registry.plan = ({ url }) => (url.includes(slow.digest) ? { do: 'drip', pieces: 1000, pauseMs: 100 } : undefined)
  const started = performance.now()
  await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'failed-precondition', /points out of the layer/)
  assert.ok(performance.now() - started < 30_000, 'the slow layer would take 100 s')
  await assertNothingLeft(at)
})

test('limits of the configuration: bytes and entries', async (t) => {
  const at = await place(t, { limits: { maxBytes: 1_000_000, maxEntries: 10 } })
  at.registry.add(
    'bomb',
    'latest',
    buildImage({ layers: [buildLayer([{ name: 'zeros', data: Buffer.alloc(20_000_000) }])] }),
  )
  await rejects(at.images.pull({ image: `${at.registry.host}/bomb` }), 'failed-precondition', /more than 1000000 bytes/)
  const many = Array.from({ length: 11 }, (_, at) => ({ name: `f${at}` }))
  at.registry.add('many', 'latest', buildImage({ layers: [buildLayer(many)] }))
  await rejects(at.images.pull({ image: `${at.registry.host}/many` }), 'failed-precondition', /more than 10 entries/)
  await assertNothingLeft(at)
})

test('ten million entries end at the limit, whatever would still come', async (t) => {
  const at = await place(t, { limits: { maxBytes: 1e9, maxEntries: 2000 } })
  // Folders again and again, in members of gzip, each of 10,000 entries: 13 MB for 5 GB of tar.
  const member = gzipSync(Buffer.concat(Array.from({ length: 10_000 }, (_, n) => tarEntry({ name: `d${n}/` })).flat()))
  const bytes = Buffer.concat(Array.from({ length: 1000 }, () => member))
  const layer = { ...buildLayer([]), ...blobOf('application/vnd.oci.image.layer.v1.tar+gzip', bytes) }
  at.registry.add('a', 'latest', buildImage({ layers: [layer] }))
  const why = /the layer has more than 2000 entries, which the configuration forbids/
  await rejects(at.images.pull({ image: `${at.registry.host}/a` }), 'failed-precondition', why)
  await assertNothingLeft(at)
})

test('a client that goes ends the pull; two clients share one; the last to go ends it', async (t) => {
  const at = await place(t)
  const image = bigImage()
  at.registry.add('a', 'latest', image)
  at.registry.plan = ({ url }) =>
    url.includes(image.layers[0]!.digest) ? { do: 'drip', pieces: 20, pauseMs: 50 } : undefined
  const request = { image: `${at.registry.host}/a` }
  const first = new AbortController()
  const second = new AbortController()
  const pulls = [first, second].map(({ signal }) => at.images.pull({ ...request, signal }))
  while (!(at.images.progress()[0]?.layers[0]?.downloadedBytes ?? 0)) await sleep(10)
  const [progress] = at.images.progress()
  assert.equal(at.images.progress().length, 1)
  assert.equal(progress?.stage, 'downloading')
  assert.ok(
    progress.layers[0]!.downloadedBytes > 0 && progress.layers[0]!.downloadedBytes < progress.layers[0]!.totalBytes,
  )
  first.abort()
  await rejects(pulls[0]!, 'cancelled', /client has gone/)
  assert.equal(at.images.progress().length, 1)
  second.abort()
  await rejects(pulls[1]!, 'cancelled', /client has gone/)
  while (at.images.progress().length > 0) await sleep(10)
  await assertNothingLeft(at, 1)
  at.registry.plan = () => undefined
  const both = await Promise.all([at.images.pull(request), at.images.pull(request)])
  assert.deepEqual(both, [{ imageId: image.id }, { imageId: image.id }])
  const gets = at.registry.requests(/GET .*manifests\/latest/).length
  assert.equal(gets, 2, 'one for the pull that was cancelled, one for the two')
})

test('a present image costs one request, and its credentials are checked', async (t) => {
  const at = await place(t)
  const image = bigImage()
  at.registry.add('a', 'latest', buildIndex([image]))
  const request = { image: `${at.registry.host}/a` }
  await at.images.pull(request)
  const before = at.registry.seen.length
  assert.deepEqual(await at.images.pull(request), { imageId: image.id })
  assert.deepEqual(
    at.registry.seen.slice(before).map(({ method, url }) => `${method} ${url}`),
    ['HEAD /v2/a/manifests/latest'],
  )
  at.registry.challenge = () => 'Basic realm="x"'
  await rejects(at.images.pull(request), 'unauthenticated', /pull secret/)
  assert.equal(at.images.list().length, 1)
})

test('another repository does not get an image by knowing its digest', async (t) => {
  const at = await place(t)
  const secret = bigImage()
  at.registry.add('secret', 'latest', secret)
  await at.images.pull({ image: `${at.registry.host}/secret` })
  // It knows the digest of the manifest, and nothing of what is in it.
  at.registry.plan = ({ method, url }) =>
    url.startsWith('/v2/thief/')
      ? {
          do: 'answer',
          status: method === 'HEAD' ? 200 : 404,
          headers: { 'docker-content-digest': secret.manifest.digest },
        }
      : undefined
  for (const name of ['thief', `thief@${secret.manifest.digest}`]) {
    await rejects(at.images.pull({ image: `${at.registry.host}/${name}` }), 'not-found', /not found/)
  }
})

test('a tag that moves leaves the old image its digest', async (t) => {
  const at = await place(t)
  const one = buildImage({ layers: [buildLayer([{ name: 'a', data: '1' }])] })
  const two = buildImage({ layers: [buildLayer([{ name: 'a', data: '2' }])] })
  const name = `${at.registry.host}/a`
  at.registry.add('a', 'latest', one)
  await at.images.pull({ image: name })
  at.registry.add('a', 'latest', two)
  await at.images.pull({ image: name })
  const names = Object.fromEntries(
    at.images.list().map(({ id, repoTags, repoDigests }) => [id, [...repoTags, ...repoDigests]]),
  )
  assert.deepEqual(names, {
    [one.id]: [`${name}@${one.manifest.digest}`],
    [two.id]: [`${name}:latest`, `${name}@${two.manifest.digest}`],
  })
  assert.equal(at.images.status(`${name}@${one.manifest.digest}`)?.id, one.id)
  assert.equal(at.images.status(one.id.slice('sha256:'.length, 20))?.id, one.id)
})

test('an image in use keeps its layers until it is free', async (t) => {
  const used = new Set<string>()
  const at = await place(t, { inUse: () => used })
  const image = bigImage()
  at.registry.add('a', 'latest', image)
  await at.images.pull({ image: `${at.registry.host}/a` })
  const [layer] = (await at.images.use(image.id)).layerDirs
  used.add(image.id)
  await at.images.remove(image.id)
  await at.images.sweep()
  assert.deepEqual(at.images.list(), [])
  assert.ok(existsSync(layer!))
  await at.images.remove(image.id)
  used.delete(image.id)
  await at.images.sweep()
  assert.ok(!existsSync(layer!))
  await assertNothingLeft(at)
  assert.deepEqual(at.images.fsInfo().usedBytes, 0)
})

test('mirrors of hosts.toml come first, the registry last', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-certs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const at = await place(t, { registry: { certsDirs: [folder] } })
  const mirror = await FaultRegistry.start()
  t.after(() => mirror[Symbol.asyncDispose]())
  const image = bigImage()
  mirror.add('team/app', 'v1', image)
  mkdirSync(join(folder, 'registry.example'))
  const toml = `server = "http://${at.registry.host}"\n[host."http://${mirror.host}"]\ncapabilities = ["pull", "resolve"]\n`
  writeFileSync(join(folder, 'registry.example', 'hosts.toml'), toml)
  await at.images.pull({ image: 'registry.example/team/app:v1' })
  assert.equal(at.registry.seen.length, 0)
  assert.match(mirror.seen[0]?.url ?? '', /\?ns=registry\.example$/)
  assert.deepEqual(at.images.list()[0]?.repoTags, ['registry.example/team/app:v1'])
  await at.images.remove(image.id)
  mirror.plan = () => ({ do: 'answer', status: 404 })
  at.registry.add('team/app', 'v1', image)
  await at.images.pull({ image: 'registry.example/team/app:v1' })
  await at.images.remove(image.id)
  await mirror.stop()
  await at.images.pull({ image: 'registry.example/team/app:v1' })
  await at.images.remove(image.id)
  writeFileSync(join(folder, 'registry.example', 'hosts.toml'), 'server = [')
  await rejects(
    at.images.pull({ image: 'registry.example/team/app:v1' }),
    'failed-precondition',
    /hosts\.toml cannot be used/,
  )
  await assertNothingLeft(at)
})

test('TLS: an unknown certificate is refused, unless hosts.toml knows it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-certs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const at = await place(t, { registry: { certsDirs: [folder] } })
  const secure = await FaultRegistry.start({ tls: true })
  t.after(() => secure.stop())
  const image = bigImage()
  secure.add('a', 'latest', image)
  mkdirSync(join(folder, 'secure.example_8443_'))
  writeFileSync(join(folder, 'secure.example_8443_', 'own.crt'), testCertificate.cert)
  const configure = (lines: string) =>
    writeFileSync(join(folder, 'secure.example_8443_', 'hosts.toml'), `server = "https://${secure.host}"\n${lines}`)
  const pull = () => at.images.pull({ image: 'secure.example:8443/a' })
  configure('')
  await rejects(pull(), 'unknown', /^RegistryUnavailable: .*certificate that is not trusted/)
  configure('ca = "missing.crt"')
  await rejects(pull(), 'failed-precondition', /hosts\.toml cannot be used.*missing\.crt/)
  for (const line of ['ca = "own.crt"', 'skip_verify = true']) {
    configure(line)
    assert.equal((await pull()).imageId, image.id)
    await at.images.remove(image.id)
  }
  // A redirect from TLS to plain HTTP is not followed, wherever it leads.
  at.registry.add('a', 'latest', image)
  secure.plan = ({ url }) => ({ do: 'answer', status: 307, headers: { location: `http://${at.registry.host}${url}` } })
  await rejects(pull(), 'unknown', /not safe/)
  assert.equal(at.registry.seen.length, 0)
  await assertNothingLeft(at)
})

test('a restart forgets what was half-done and keeps what was recorded', async (t) => {
  const at = await place(t)
  const image = bigImage()
  at.registry.add('a', 'latest', image)
  const database = openDatabase(':memory:')
  const root = mkdtempSync(join(tmpdir(), 'berth-images-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const open = () =>
    new Images({ root, database, log: silentLogger, inUse: () => [], registry: { certsDirs: [], ...quick } })
  const first = open()
  await first.pull({ image: `${at.registry.host}/a` })
  const [dir] = (await first.use(image.id)).layerDirs
  await first.close()
  for (const name of ['staging/7/x', 'layers/8/x', 'trash/9/x']) mkdirSync(join(root, name), { recursive: true })
  writeFileSync(join(root, 'ingest', 'sha256-part'), 'part')
  const second = open()
  await second.sweep()
  assert.deepEqual((await second.use(image.id)).layerDirs, [dir])
  assert.deepEqual([readdirSync(join(root, 'staging')), readdirSync(join(root, 'trash'))], [[], []])
  assert.deepEqual(readdirSync(join(root, 'layers')), [dir!.split('/').at(-1)])
  assert.deepEqual(readdirSync(join(root, 'ingest')), ['sha256-part'], 'a fresh part is kept for resuming')
  await second.close()
  // A layer that has gone: the image is not ready, and a pull or the next container makes it so.
  rmSync(dir!, { recursive: true })
  const third = open()
  assert.equal(third.status(image.id), undefined)
  await third.pull({ image: `${at.registry.host}/a` })
  assert.ok(existsSync((await third.use(image.id)).layerDirs[0]!))
  await third.close()
})

test('a full disk: while downloading, while unpacking; then there is room', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'berth-images-'))
  mountTmpfs(root, 3_000_000, '0700')
  t.after(() => unmount(root))
  const at = await place(t, { root })
  const free = () => statfsSync(root).bfree
  const before = free()
  const unpacking = buildImage({ layers: [buildLayer([{ name: 'zeros', data: Buffer.alloc(20_000_000) }])] })
  const downloading = buildImage({ layers: [buildLayer([{ name: 'noise', data: incompressible(5_000_000) }])] })
  for (const [name, image] of Object.entries({ unpacking, downloading })) {
    at.registry.add(name, 'latest', image)
    await rejects(
      at.images.pull({ image: `${at.registry.host}/${name}` }),
      'resource-exhausted',
      /no space is left.*free some/,
    )
    await assertNothingLeft(at)
    assert.equal(free(), before, 'all space is given back')
  }
  const small = buildImage({ layers: [buildLayer([{ name: 'a', data: incompressible(500_000) }])] })
  at.registry.add('small', 'latest', small)
  assert.equal((await at.images.pull({ image: `${at.registry.host}/small` })).imageId, small.id)
  await at.images.close()
})

test('kill -9 in the middle: the finished layer stays, the other is gone on with', async (t) => {
  const at = await place(t)
  const done = buildLayer([{ name: 'done', data: incompressible(300_000, 'done') }])
  const half = buildLayer([{ name: 'half', data: incompressible(4_000_000, 'half') }])
  at.registry.add('a', 'latest', buildImage({ layers: [done, half] }))
  const root = mkdtempSync(join(tmpdir(), 'berth-images-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const path = join(root, 'berth.db')
  at.registry.plan = ({ url }) => (url.includes(half.digest) ? { do: 'stall', after: 3_000_000 } : undefined)
  const module = (name: string) => JSON.stringify(join(import.meta.dirname, '../../src', name))
  const script = `
    import { Images } from ${module('image/images.ts')}
    import { silentLogger } from ${module('lib/log.ts')}
    import { openDatabase } from ${module('state/database.ts')}
    const images = new Images({ root: ${JSON.stringify(join(root, 'store'))}, database: openDatabase(${JSON.stringify(path)}),
      log: silentLogger, inUse: () => [], registry: { certsDirs: [] } })
    images.pull({ image: '${at.registry.host}/a' })
    setInterval(() => console.log(images.progress()[0]?.layers.map(({ stage, unpackedBytes }) => stage + unpackedBytes).join()), 20)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  for await (const text of child.stdout) {
    const staging = join(root, 'store/staging')
    if (/done\d+,downloading[1-9]\d{5}/.test(String(text)) && readdirSync(staging).length > 0) break
  }
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.deepEqual(readdirSync(join(root, 'store/layers')).length, 1)
  assert.deepEqual(readdirSync(join(root, 'store/staging')).length, 1, 'half-written')

  at.registry.plan = () => undefined
  const seen = at.registry.seen.length
  const options = { root: join(root, 'store'), database: openDatabase(path), log: silentLogger, inUse: () => [] }
  const images = new Images({ ...options, registry: { certsDirs: [] } })
  t.after(() => images.close())
  assert.deepEqual(readdirSync(join(root, 'store/staging')), [])
  await images.sweep()
  await images.pull({ image: `${at.registry.host}/a` })
  const blobs = at.registry.seen.slice(seen).filter(({ url }) => url.includes('/blobs/') && !url.includes('config'))
  assert.deepEqual(
    blobs.filter(({ url }) => url.includes(done.digest)),
    [],
    'not fetched again',
  )
  assert.match(blobs.find(({ url }) => url.includes(half.digest))?.headers.range ?? '', /^bytes=[1-9]/)
  const { layerDirs } = await images.use(`${at.registry.host}/a`)
  assert.deepEqual(readFileSync(join(layerDirs[1]!, 'half')), incompressible(4_000_000, 'half'))
})

test('digests are computed as everybody does', () => {
  assert.equal(digestOf(Buffer.from('')), 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})

test('a foreign layer comes from its URL, without credentials, over HTTPS or where HTTP is allowed', async (t) => {
  const elsewhere = await FaultRegistry.start()
  t.after(() => elsewhere[Symbol.asyncDispose]())
  const layer = buildLayer([{ name: 'a', data: 'foreign' }])
  elsewhere.addBlob('x', layer)
  const urls = ['file:///etc/passwd', `http://${elsewhere.host}/v2/x/blobs/${layer.digest}`]
  const image = buildImage({ layers: [{ ...layer, urls }] })
  for (const allowed of [false, true]) {
    const at = await place(t, { registry: { ...quick, plainHttp: allowed ? [elsewhere.host] : [] } })
    at.registry.add('a', 'latest', image)
    at.registry.plan = ({ url }) => (url.includes(layer.digest) ? { do: 'answer', status: 404 } : undefined)
    const pull = at.images.pull({
      image: `${at.registry.host}/a`,
      auth: { username: 'u', password: 'p', serverAddress: at.registry.host },
    })
    if (!allowed) {
      await rejects(pull, 'not-found', /nor from the URLs of the layer: none may be used/)
      assert.equal(elsewhere.seen.length, 0)
      continue
    }
    await pull
    const { layerDirs } = await at.images.use(`${at.registry.host}/a`)
    assert.equal(readFileSync(join(layerDirs[0]!, 'a'), 'utf8'), 'foreign')
    assert.equal(elsewhere.seen.at(-1)?.headers.authorization, undefined)
  }
})

test('a layer that somebody deleted from the disk is fetched again when a container wants it', async (t) => {
  const at = await place(t)
  const layers = ['one', 'two'].map((data) => buildLayer([{ name: data, data }]))
  at.registry.add('a', 'latest', buildImage({ layers }))
  const image = `${at.registry.host}/a`
  const { imageId } = await at.images.pull({ image })
  const [first] = (await at.images.use(image)).layerDirs
  rmSync(first!, { recursive: true })
  const uses = await Promise.all([at.images.use(imageId), at.images.use(image)])
  for (const { layerDirs } of uses) assert.equal(readFileSync(join(layerDirs[0]!, 'one'), 'utf8'), 'one')
  assert.equal(at.registry.requests(new RegExp(layers[1]!.digest)).length, 1, 'only the one that was gone')
  assert.equal(at.registry.requests(new RegExp(layers[0]!.digest)).length, 2, 'and that once')

  // The registry does not have it any more.
  rmSync(uses[0]!.layerDirs[0]!, { recursive: true })
  at.registry.plan = () => ({ do: 'answer', status: 404 })
  await rejects(at.images.use(imageId), 'not-found', /have gone from the disk and cannot be fetched again .*not found/)
  assert.equal(at.images.status(image), undefined, 'the kubelet sees that it must pull')
  at.registry.plan = () => undefined
  assert.ok(await at.images.use(imageId), 'the next try fetches it')
})

test('the inventory names the owner of every byte', async (t) => {
  const used = new Set<string>()
  const at = await place(t, { inUse: () => used })
  const layer = buildLayer([{ name: 'a', data: 'a' }])
  at.registry.add('a', 'latest', buildImage({ layers: [layer] }))
  at.registry.add('b', 'latest', bigImage())
  const { imageId } = await at.images.pull({ image: `${at.registry.host}/a` })
  at.registry.plan = ({ url }) => (url.includes('/b/blobs/') ? { do: 'cut', after: 1000 } : undefined)
  await assert.rejects(at.images.pull({ image: `${at.registry.host}/b` }))
  const seen = () => at.images.inventory().map(({ kind, owners, unused }) => [kind, owners, unused])
  const [kept, part] = seen()
  assert.deepEqual(kept, ['layer', [`${at.registry.host}/a:latest`], false])
  assert.deepEqual(part, ['part', ['a pull, or the next'], false])
  used.add(imageId)
  await at.images.remove(imageId)
  assert.deepEqual(seen()[0], ['layer', [`${imageId} (a container)`], false])
  used.clear()
  assert.deepEqual(seen()[0], ['layer', [], true])
  await at.images.sweep()
  assert.equal(seen().length, 1)
})

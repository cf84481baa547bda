import assert from 'node:assert/strict'
import { test } from 'node:test'
import { imageUser, parseImageConfig } from './image-config.ts'
import { type Descriptor, mediaType, parseManifest } from './manifest.ts'
import { choosePlatform, hostPlatform } from './platform.ts'

const digest = `sha256:${'0'.repeat(64)}`
const json = (document: unknown) => Buffer.from(JSON.stringify(document))

test('a manifest, also with the nulls that Go writes', () => {
  const config = { mediaType: mediaType.ociConfig, digest, size: 2, annotations: null }
  const read = parseManifest(json({ schemaVersion: 2, config, layers: null, annotations: null }), 'application/json')
  assert.deepEqual(read, {
    kind: 'manifest',
    artifactType: '',
    config: { mediaType: mediaType.ociConfig, digest, size: 2, annotations: {} },
    layers: [],
    annotations: {},
  })
})

test('what a document says of itself and what the registry says must agree', () => {
  const both = { config: { digest, size: 1 }, manifests: [] }
  assert.throws(() => parseManifest(json(both), mediaType.ociManifest), /claims to be an index/)
  assert.throws(
    () => parseManifest(json({ mediaType: mediaType.dockerList, manifests: [] }), mediaType.ociManifest),
    /claims/,
  )
  assert.equal(parseManifest(json({ manifests: [] }), `${mediaType.dockerList}; charset=utf-8`).kind, 'index')
  assert.throws(() => parseManifest(Buffer.from('{'), ''), /not JSON/)
  for (const size of [-1, 1.5, 2 ** 60, '1', null]) {
    assert.throws(() => parseManifest(json({ config: { digest, size }, layers: [] }), ''), /damaged/)
  }
})

const entry = (os: string, architecture: string, variant = '', annotations = {}): Descriptor => ({
  mediaType: mediaType.ociManifest,
  digest: `${os}/${architecture}/${variant}`,
  size: 1,
  platform: { os, architecture, variant },
  annotations,
})

test('platforms', () => {
  const amd64 = hostPlatform('x64')
  const arm64 = hostPlatform('arm64')
  const choose = (list: Descriptor[], host = amd64) => choosePlatform(list, host)?.digest
  assert.equal(choose([entry('linux', 'arm64', 'v8'), entry('linux', 'amd64')]), 'linux/amd64/')
  assert.equal(choose([entry('linux', 'amd64', 'v3'), entry('linux', 'amd64', 'v1')]), 'linux/amd64/v1')
  assert.equal(choose([entry('linux', 'arm', 'v7'), entry('linux', 'arm64')], arm64), 'linux/arm64/')
  assert.equal(choose([entry('linux', 'aarch64', 'v8')], arm64), 'linux/aarch64/v8')
  assert.equal(choose([entry('windows', 'amd64')]), undefined)
  assert.equal(choose([entry('unknown', 'unknown')]), undefined)
  const attestation = entry('linux', 'amd64', '', { 'vnd.docker.reference.type': 'attestation-manifest' })
  assert.equal(choose([attestation]), undefined)
  const unnamed: Descriptor = { mediaType: '', digest: 'unnamed', size: 1, annotations: {} }
  assert.equal(choose([unnamed, entry('linux', 'amd64')]), 'linux/amd64/')
  assert.equal(choose([unnamed, entry('linux', 's390x')]), 'unnamed')
})

test('a configuration with everything, and with nothing', () => {
  const full = parseImageConfig(
    json({
      os: 'linux',
      architecture: 'arm64',
      variant: 'v8',
      rootfs: { type: 'layers', diff_ids: [digest] },
      config: {
        Entrypoint: ['/a'],
        Cmd: ['b'],
        Env: ['C=d'],
        WorkingDir: '/e',
        User: 'f:g',
        ExposedPorts: { '80/tcp': {}, '443': null },
        Volumes: { '/v': {} },
        Labels: { __proto__: 'x', l: 'm' },
        StopSignal: 'SIGINT',
      },
    }),
  )
  assert.deepEqual(full.diffIds, [digest])
  assert.deepEqual(full.config.exposedPorts, ['443', '80/tcp'])
  assert.equal(full.config.stopSignal, 'SIGINT')
  const { config, diffIds } = parseImageConfig(json({ rootfs: {}, config: { Cmd: null, Labels: null } }))
  assert.deepEqual([diffIds, config.cmd, config.user, config.labels, config.os], [[], [], '', {}, ''])
  assert.deepEqual(parseImageConfig(json({ rootfs: { diff_ids: null }, config: null })).config.env, [])
  assert.throws(() => parseImageConfig(json({})), /damaged: rootfs/)
  assert.throws(() => parseImageConfig(json({ rootfs: { diff_ids: ['x'] } })), /not a digest/)
})

test('users', () => {
  assert.deepEqual(imageUser(''), { uid: 0 })
  assert.deepEqual(imageUser('0'), { uid: 0 })
  assert.deepEqual(imageUser('1000:users'), { uid: 1000 })
  assert.deepEqual(imageUser('nobody:nogroup'), { username: 'nobody' })
  assert.deepEqual(imageUser(':5'), { uid: 0 })
  for (const user of ['-1', '4294967295', '4294967296', '18446744073709551616', '1e3', '0x0', ' 0']) {
    assert.deepEqual(imageUser(user), { username: user })
  }
})

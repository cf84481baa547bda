import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { Berthd } from '../harness/berthd.ts'
import { tryBerth } from '../harness/cli.ts'
import { FaultRegistry } from '../registry/fault-registry.ts'
import { buildImage, buildLayer, busyboxImage } from '../registry/image-builder.ts'
import { tarOf } from '../registry/tar-writer.ts'

/** `berth pull`, `load` and `gc` on a real berthd, and what its admin socket says meanwhile. */

const timeout = 200_000

test('berth pull shows how far it is, also verbose Status and the admin socket', { timeout }, async (t) => {
  const registry = await FaultRegistry.start()
  t.after(() => registry[Symbol.asyncDispose]())
  const layer = buildLayer([{ name: 'a', data: 'x'.repeat(100_000) }], { compression: 'none' })
  registry.add('slow', 'latest', buildImage({ layers: [layer] }))
  registry.plan = ({ url }) => (url.includes(layer.digest) ? { do: 'drip', pieces: 20, pauseMs: 200 } : undefined)
  const berthd = await Berthd.start(t)
  const image = `${registry.host}/slow:latest`
  const follower = follow(berthd.place.adminSocket, `/v1/pulls/follow?image=${encodeURIComponent(image)}`)
  const pulling = tryBerth(berthd.endpoint, ['pull', `${registry.host}/slow`])
  const bytes = new Set<number>()
  let metrics = ''
  for await (const line of follower) {
    const [pull] = (JSON.parse(line) as { pulls: { stage: string; layers: { downloadedBytes: number }[] }[] }).pulls
    if (pull?.layers[0]) bytes.add(pull.layers[0].downloadedBytes)
    if (bytes.size > 0 && !pull) break
    if (bytes.size === 2) metrics = await readAll(berthd.place.adminSocket, '/metrics')
    if (bytes.size !== 3) continue
    const info = await tryBerth(berthd.endpoint, ['info'])
    assert.match(info.stdout, /"pulls"/)
    assert.match(info.stdout, /"stage": "downloading"/)
  }
  assert.ok(bytes.size > 3, `${[...bytes]}`)
  assert.match(metrics, /^berth_image_pulls\{stage="downloading"\} 1$/m)
  assert.match(metrics, new RegExp(`^berth_image_pull_bytes\\{image="${image}",state="total"\\} ${layer.size}$`, 'm'))
  assert.match(metrics, /^berth_image_pull_bytes\{.*state="downloaded"\} [1-9]\d+$/m)
  assert.doesNotMatch(await readAll(berthd.place.adminSocket, '/metrics'), /^berth_image_pull_bytes\{/m)
  const pull = await pulling
  assert.equal(pull.exitCode, 0, pull.stderr)
  assert.match(pull.stderr, new RegExp(`^${image}: `, 'm'))
  assert.match(pull.stderr, new RegExp(`^${layer.digest.slice(7, 19)}: downloading \\(102kB\\)$`, 'm'))
  assert.match(pull.stdout, /^Image is up to date for sha256:/)
})

test('berth load takes what docker save writes, and berth gc shows whose it is', { timeout }, async (t) => {
  const berthd = await Berthd.start(t, { withoutNetwork: true })
  const image = busyboxImage()
  const [layer] = image.layers
  const tar = gunzipSync(layer?.bytes as Buffer)
  const hex = image.id.slice(7)
  const inner = 'a'.repeat(64)
  const manifest = [{ Config: `${hex}.json`, RepoTags: ['example.org/box:1', 'box:2'], Layers: [`${inner}/layer.tar`] }]
  const archive = tarOf([
    { name: `${inner}/` },
    { name: `${inner}/VERSION`, data: '1.0' },
    { name: `${inner}/layer.tar`, data: tar },
    { name: `${'b'.repeat(64)}/layer.tar`, type: '2', linkname: `../${inner}/layer.tar` },
    { name: '../../evil', data: 'x' },
    { name: `${hex}.json`, data: image.config.bytes },
    { name: 'manifest.json', data: JSON.stringify(manifest) },
    { name: 'repositories', data: '{}' },
  ])
  const path = join(berthd.place.folder, 'archive.tar')
  for (const bytes of [archive, gzipSync(archive)]) {
    writeFileSync(path, bytes)
    const loaded = await tryBerth(berthd.endpoint, ['load', path])
    assert.equal(loaded.exitCode, 0, loaded.stderr)
    assert.deepEqual(loaded.stdout.trim(), 'Loaded docker.io/library/box:2, example.org/box:1')
  }
  assert.match((await tryBerth(berthd.endpoint, ['images', '-q'])).stdout, new RegExp(image.id))
  const copy = join(berthd.place.folder, 'copy.tar')
  for (const format of ['oci-archive', 'docker-archive']) {
    const saved = await tryBerth(berthd.endpoint, ['save', 'box:2', '-o', copy, '--format', format])
    assert.equal(saved.exitCode, 0, saved.stderr)
    const loaded = await tryBerth(berthd.endpoint, ['load', copy])
    assert.equal(loaded.stdout.trim(), 'Loaded docker.io/library/box:2, example.org/box:1', loaded.stderr)
  }
  // A layer that has changed: found out in the middle, told at the end, and no file is left.
  const layers = join(berthd.place.root, 'images/layers')
  writeFileSync(join(layers, readdirSync(layers)[0] as string, 'bin/busybox'), 'another')
  const refused = await tryBerth(berthd.endpoint, ['save', 'box:2', '-o', `${copy}.2`])
  assert.equal(refused.exitCode, 1)
  assert.match(refused.stderr, /cannot be made again as it came/)
  assert.ok(!existsSync(`${copy}.2`) && !existsSync(`${copy}.2.partial`))
  assert.match((await tryBerth(berthd.endpoint, ['save', 'none'])).stderr, /pull it first/)
  const shown = await tryBerth(berthd.endpoint, ['gc', '--dry-run'])
  assert.match(shown.stdout, /^layer +layers\/\d+ +\S+ +stays +docker\.io\/library\/box:2$/m)
  const unused =
    /^All is in order: nothing to delete\.\nOne image that no container uses stays, \S+ in all: berth rmi --prune/m
  assert.match(shown.stdout, unused)
  const collected = await tryBerth(berthd.endpoint, ['gc'])
  assert.equal(collected.exitCode, 0)
  assert.match(collected.stdout, unused)
  assert.match((await tryBerth(berthd.endpoint, ['images'])).stdout, /box/)

  writeFileSync(path, tarOf([{ name: 'manifest.json', data: '[{"Config":"../../../etc/passwd","Layers":[]}]' }]))
  const evil = await tryBerth(berthd.endpoint, ['load', path])
  assert.equal(evil.exitCode, 1)
  assert.match(evil.stderr, /the archive has no/)
  writeFileSync(path, 'no archive at all')
  assert.match((await tryBerth(berthd.endpoint, ['load', path])).stderr, /no tar of an OCI layout/)
  await tryBerth(berthd.endpoint, ['rmi', 'box:2'])
})

async function readAll(socketPath: string, path: string): Promise<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath, path }, resolve).once('error', reject).end()
  })
  return text(response)
}

async function* follow(socketPath: string, path: string): AsyncGenerator<string> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath, path }, resolve).once('error', reject).end()
  })
  try {
    yield* createInterface({ input: response })
  } finally {
    response.destroy()
  }
}

test('limits, credentials and the signature policy come from the configuration', { timeout }, async (t) => {
  const registry = await FaultRegistry.start()
  t.after(() => registry[Symbol.asyncDispose]())
  const folder = mkdtempSync(join(tmpdir(), 'berth-config-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const authFile = join(folder, 'config.json')
  const policy = join(folder, 'policy.json')
  // Not a helper that is installed: a failure must be told, not passed over.
  writeFileSync(authFile, JSON.stringify({ credHelpers: { [`${registry.host}/private`]: 'berth-has-none' } }))
  writeFileSync(
    policy,
    JSON.stringify({
      default: [{ type: 'insecureAcceptAnything' }],
      transports: { docker: { [`${registry.host}/rejected`]: [{ type: 'reject' }] } },
    }),
  )
  const image = { auth_file: authFile, signature_policy: policy, max_layer_bytes: 1_000_000, max_layer_entries: 100 }
  const berthd = await Berthd.start(t, { withoutNetwork: true, config: { image } })
  const zeros = buildLayer([{ name: 'bomb', data: Buffer.alloc(50_000_000) }])
  const many = buildLayer(Array.from({ length: 101 }, (_, at) => ({ name: `f${at}`, data: '' })))
  const wants: Record<string, readonly [ReturnType<typeof buildImage>, RegExp]> = {
    bomb: [buildImage({ layers: [zeros] }), /unpacks to more than 1000000 bytes, which the configuration forbids/],
    many: [buildImage({ layers: [many] }), /more than 100 entries, which the configuration forbids/],
    rejected: [busyboxImage(), /SignatureValidationFailed: .*the signature policy rejects it/],
    private: [busyboxImage(), /credential helper "berth-has-none" .* is not installed/],
  }
  for (const [name, [content, why]] of Object.entries(wants)) {
    registry.add(name, 'latest', content)
    const { exitCode, stderr } = await tryBerth(berthd.endpoint, ['pull', '-q', `${registry.host}/${name}`])
    assert.equal(exitCode, 1, name)
    assert.match(stderr, why)
  }
})

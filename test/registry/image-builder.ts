import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type TarItem, tarOf } from './tar-writer.ts'

/** A piece of content with its descriptor. */
export interface Blob {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly bytes: Buffer
}

export type ImageFormat = 'oci' | 'docker'

export interface Layer extends Blob {
  readonly diffId: string
  /** Of a foreign layer. */
  readonly urls?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
}

export interface BuiltImage {
  /** The image id: the digest of the configuration; of an artifact that of the manifest. */
  readonly id: string
  readonly manifest: Blob
  readonly config: Blob
  readonly layers: readonly Layer[]
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string }
}

export interface BuiltIndex {
  readonly index: Blob
  readonly images: readonly BuiltImage[]
}

const types = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar',
  },
} as const

/** The architecture of this machine in the words of images. */
export const hostArchitecture = process.arch === 'x64' ? 'amd64' : process.arch

export function blobOf(mediaType: string, bytes: Buffer): Blob {
  return { mediaType, digest: digestOf(bytes), size: bytes.length, bytes }
}

export function jsonBlob(mediaType: string, document: object): Blob {
  return blobOf(mediaType, Buffer.from(JSON.stringify(document)))
}

/** A layer out of tar entries, or out of a tar as it is. */
export function buildLayer(
  content: readonly TarItem[] | Buffer,
  options: { readonly compression?: 'gzip' | 'zstd' | 'none'; readonly format?: ImageFormat } = {},
): Layer {
  const tar = Buffer.isBuffer(content) ? content : tarOf(content)
  const { compression = 'gzip', format = 'oci' } = options
  const suffix = compression === 'none' ? '' : format === 'oci' ? `+${compression}` : `.${compression}`
  const bytes = compression === 'gzip' ? gzipSync(tar) : compression === 'zstd' ? zstdCompressSync(tar) : tar
  return { ...blobOf(`${types[format].layer}${suffix}`, bytes), diffId: digestOf(tar) }
}

/** An image: `config` is what stands under `config` of its configuration (`Cmd`, `Env`, `User`, …). */
export function buildImage(request: {
  readonly layers: readonly Layer[]
  readonly config?: object
  readonly format?: ImageFormat
  readonly platform?: BuiltImage['platform']
  readonly annotations?: Readonly<Record<string, string>>
}): BuiltImage {
  const { layers, format = 'oci', annotations } = request
  const platform = request.platform ?? { os: 'linux', architecture: hostArchitecture }
  const config = jsonBlob(types[format].config, {
    ...platform,
    created: '2024-01-01T00:00:00Z',
    config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], ...request.config },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  })
  const manifest = jsonBlob(types[format].manifest, {
    schemaVersion: 2,
    mediaType: types[format].manifest,
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
    ...(annotations ? { annotations } : {}),
  })
  return { id: config.digest, manifest, config, layers, platform }
}

/** A file of an artifact; without a title it has no name. */
export interface ArtifactItem {
  readonly title?: string
  readonly data: string | Buffer
  readonly mediaType?: string
}

/** An artifact as ORAS makes it: each file a layer, the configuration empty unless a type is given. */
export function buildArtifact(
  items: readonly ArtifactItem[],
  artifactType = 'application/vnd.example.model',
  configType = 'application/vnd.oci.empty.v1+json',
): BuiltImage {
  const config = blobOf(configType, Buffer.from('{}'))
  const layers = items.map(({ title, data, mediaType = 'application/octet-stream' }): Layer => {
    const blob = blobOf(mediaType, Buffer.from(data))
    const annotations = title === undefined ? undefined : { 'org.opencontainers.image.title': title }
    return { ...blob, diffId: blob.digest, ...(annotations && { annotations }) }
  })
  const manifest = jsonBlob(types.oci.manifest, {
    schemaVersion: 2,
    mediaType: types.oci.manifest,
    artifactType,
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
  })
  return { id: manifest.digest, manifest, config, layers, platform: { os: 'linux', architecture: hostArchitecture } }
}

/** An OCI index, or a Docker manifest list, of images. */
export function buildIndex(images: readonly BuiltImage[], format: ImageFormat = 'oci'): BuiltIndex {
  const index = jsonBlob(types[format].index, {
    schemaVersion: 2,
    mediaType: types[format].index,
    manifests: images.map(({ manifest, platform }) => ({ ...descriptorOf(manifest), platform })),
  })
  return { index, images }
}

/** The entries of a file tree on disk: folders, files and symlinks with their modes, owned by root. */
export function itemsOf(folder: string, below = ''): TarItem[] {
  return readdirSync(join(folder, below))
    .sort()
    .flatMap((name): TarItem[] => {
      const path = join(below, name)
      const stats = lstatSync(join(folder, path))
      const mode = stats.mode & 0o7777
      if (stats.isDirectory()) return [{ name: `${path}/`, mode }, ...itemsOf(folder, path)]
      if (stats.isSymbolicLink()) return [{ name: path, type: '2', linkname: readlinkSync(join(folder, path)) }]
      return stats.isFile() ? [{ name: path, mode, data: readFileSync(join(folder, path)) }] : []
    })
}

/** A root file system out of Debian's busybox-static, with a link for each of its commands. */
export function busyboxItems(busybox = '/usr/bin/busybox'): TarItem[] {
  const { stdout } = spawnSync(busybox, ['--list'], { encoding: 'utf8' })
  const commands = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox')
  return [
    ...['bin/', 'dev/', 'etc/', 'proc/', 'root/', 'sys/', 'usr/', 'usr/bin/', 'var/'].map((name) => ({ name })),
    { name: 'tmp/', mode: 0o1777 },
    { name: 'etc/passwd', data: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' },
    { name: 'etc/group', data: 'root:x:0:\nnogroup:x:65534:\n' },
    { name: 'bin/busybox', mode: 0o755, data: readFileSync(busybox) },
    ...commands.map((name) => ({ name: `bin/${name}`, type: '2', linkname: 'busybox' })),
  ]
}

/** An image that runs a shell, of one layer. */
export function busyboxImage(config: object = { Cmd: ['/bin/sh'] }, format: ImageFormat = 'oci'): BuiltImage {
  return buildImage({ layers: [buildLayer(busyboxItems(), { format })], config, format })
}

/**
 * Pushes an image or an index with all that belongs to it (distribution-spec "Push"). `registry` is `host:port`, spoken to
 * in plain HTTP. Answers the digest of what the tag then stands for.
 */
export async function pushImage(
  registry: string,
  repository: string,
  tag: string,
  image: BuiltImage | BuiltIndex,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const base = `http://${registry}/v2/${repository}`
  const images = 'index' in image ? image.images : [image]
  for (const { layers, config, manifest } of images) {
    for (const blob of [...layers, config]) await pushBlob(base, blob, headers)
    await putManifest(base, 'index' in image ? manifest.digest : tag, manifest, headers)
  }
  if (!('index' in image)) return image.manifest.digest
  await putManifest(base, tag, image.index, headers)
  return image.index.digest
}

async function pushBlob(base: string, blob: Blob, headers: Readonly<Record<string, string>>): Promise<void> {
  const start = await fetch(`${base}/blobs/uploads/`, { method: 'POST', headers })
  await expectStatus(start, 202)
  const location = new URL(start.headers.get('location') as string, base)
  location.searchParams.set('digest', blob.digest)
  const type = { 'content-type': 'application/octet-stream' }
  await expectStatus(
    await fetch(location, { method: 'PUT', body: new Uint8Array(blob.bytes), headers: { ...headers, ...type } }),
    201,
  )
}

async function putManifest(
  base: string,
  tag: string,
  blob: Blob,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const type = { 'content-type': blob.mediaType }
  const body = new Uint8Array(blob.bytes)
  await expectStatus(
    await fetch(`${base}/manifests/${tag}`, { method: 'PUT', body, headers: { ...headers, ...type } }),
    201,
  )
}

async function expectStatus(response: Response, status: number): Promise<void> {
  const body = await response.text()
  if (response.status !== status) throw new Error(`${response.url} answered ${response.status}: ${body}`)
}

/** Writes an OCI layout to a new folder, the image under the given name. */
export function writeLayout(folder: string, name: string, image: BuiltImage | BuiltIndex): void {
  const images = 'index' in image ? image.images : [image]
  const blobs = images.flatMap(({ layers, config, manifest }) => [...layers, config, manifest])
  const top = 'index' in image ? image.index : image.manifest
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true })
  for (const { digest, bytes } of [...blobs, top]) {
    writeFileSync(join(folder, 'blobs', digest.replace(':', '/')), bytes)
  }
  const annotations = { 'org.opencontainers.image.ref.name': name }
  const index = { schemaVersion: 2, mediaType: types.oci.index, manifests: [{ ...descriptorOf(top), annotations }] }
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index))
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
}

export function descriptorOf({ mediaType, digest, size, urls, annotations }: Blob & Partial<Layer>) {
  return { mediaType, digest, size, ...(urls ? { urls } : {}), ...(annotations ? { annotations } : {}) }
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

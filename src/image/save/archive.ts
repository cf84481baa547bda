import { createHash } from 'node:crypto'
import { mediaType } from '../manifest.ts'
import { layerTar, type SavedLayer } from './layer-tar.ts'
import { tarSize } from './recipe-reader.ts'
import { tarEnd, tarHeader, tarPadding } from './tar-parts.ts'

export type ArchiveFormat = 'oci-archive' | 'docker-archive'

/** What an archive is made of. */
export interface SavePlan {
  readonly format: ArchiveFormat
  /** Full names with tags. */
  readonly tags: readonly string[]
  /** The image's configuration document as it came, JSON. */
  readonly configJson: string
  readonly annotations: Readonly<Record<string, string>>
  /** Lowest first; one may come twice. */
  readonly layers: readonly SavedLayer[]
}

const layerType = 'application/vnd.oci.image.layer.v1.tar'

/** The tar of an OCI layout, or what `docker load` takes, in pieces. Throws as {@link layerTar}. */
export function* archiveOf(plan: SavePlan): Generator<Buffer> {
  const names = new Map(plan.layers.map(({ diffId }) => [diffId, pathsOf[plan.format].layer(diffId)]))
  const distinct = new Map(plan.layers.map((layer) => [layer.diffId, { ...layer, size: tarSize(layer.recipe) }]))
  const config = Buffer.from(plan.configJson)
  for (const layer of distinct.values()) {
    yield tarHeader(names.get(layer.diffId) as string, layer.size)
    yield* layerTar(layer)
    yield tarPadding(layer.size)
  }
  const sizeOf = (diffId: string) => distinct.get(diffId)?.size ?? 0
  const documents = plan.format === 'oci-archive' ? ociDocuments(plan, config, sizeOf) : dockerDocuments(plan, config)
  for (const [path, bytes] of documents) {
    yield tarHeader(path, bytes.length)
    yield bytes
    yield tarPadding(bytes.length)
  }
  yield tarEnd
}

const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`
const hexOf = (digest: string) => digest.slice(digest.indexOf(':') + 1)

const pathsOf = {
  'oci-archive': { layer: blobPath },
  'docker-archive': { layer: (diffId: string) => `${hexOf(diffId)}.tar` },
} as const

/** Layers are not compressed: their digest is then the diff-id, which is known before they are written. */
function ociDocuments(plan: SavePlan, config: Buffer, sizeOf: (diffId: string) => number): [string, Buffer][] {
  const configDigest = sha256(config)
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    config: { mediaType: mediaType.ociConfig, digest: configDigest, size: config.length },
    layers: plan.layers.map(({ diffId }) => ({ mediaType: layerType, digest: diffId, size: sizeOf(diffId) })),
    ...(Object.keys(plan.annotations).length > 0 && { annotations: plan.annotations }),
  })
  const digest = sha256(manifest)
  const top = { mediaType: mediaType.ociManifest, digest, size: manifest.length }
  const named = plan.tags.map((tag) => ({
    ...top,
    annotations: {
      'io.containerd.image.name': tag,
      'org.opencontainers.image.ref.name': tag.slice(tag.lastIndexOf(':') + 1),
    },
  }))
  const manifests = named.length > 0 ? named : [top]
  return [
    [blobPath(configDigest), config],
    [blobPath(digest), manifest],
    ['index.json', json({ schemaVersion: 2, mediaType: mediaType.ociIndex, manifests })],
    ['oci-layout', json({ imageLayoutVersion: '1.0.0' })],
  ]
}

function dockerDocuments(plan: SavePlan, config: Buffer): [string, Buffer][] {
  const name = `${hexOf(sha256(config))}.json`
  const Layers = plan.layers.map(({ diffId }) => pathsOf['docker-archive'].layer(diffId))
  return [
    [name, config],
    ['manifest.json', json([{ Config: name, RepoTags: plan.tags, Layers }])],
  ]
}

function json(document: object): Buffer {
  return Buffer.from(JSON.stringify(document))
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

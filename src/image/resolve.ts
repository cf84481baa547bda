import { messageOf } from '../lib/errors.ts'
import { artifactFiles, nameOfFile } from './artifact-files.ts'
import { contentMismatch, unusableImage } from './errors.ts'
import { emptyImageConfig, parseImageConfig } from './image-config.ts'
import { type Descriptor, type Manifest, mediaType, parseManifest, type Platform } from './manifest.ts'
import { choosePlatform, formatPlatform, runsOn } from './platform.ts'
import type { FetchedManifest } from './registry/registry-client.ts'
import type { ImageSource } from './source.ts'

/** An image or an artifact of a source, for this platform: everything about it but its layers. */
export interface ResolvedImage {
  /** The digest of what the name stands for: an index, or the manifest itself. */
  readonly topDigest: string
  readonly manifestDigest: string
  readonly manifest: Manifest
  /** The digest of the configuration; of an artifact that of the manifest, since many artifacts have the same configuration. */
  readonly id: string
  /** Of an artifact: what it says it is. */
  readonly artifactType?: string
  readonly configJson: string
  /** Lowest first. */
  readonly layers: readonly ResolvedLayer[]
}

export interface ResolvedLayer {
  readonly descriptor: Descriptor
  /** The digest of the tar; `file:…` for a file of an artifact. */
  readonly diffId: string
  /** It is a file of an artifact, to be kept at this path. */
  readonly path?: string
}

/** An index may point to an index, this deep. */
const maxDepth = 3

/** Old Docker versions pushed configurations as plain bytes. */
const vagueTypes: readonly string[] = ['application/octet-stream', '']
const configTypes: readonly string[] = [mediaType.ociConfig, mediaType.dockerConfig]

/** Finds the manifest of `target` for `platform`, and reads the configuration of an image. Throws BerthErrors. */
export async function resolveImage(
  source: ImageSource,
  target: string,
  platform: Platform,
  image: string,
): Promise<ResolvedImage> {
  const top = await source.getManifest(target)
  const { fetched, manifest } = await descend(source, top, platform, image)
  const common = { topDigest: top.digest, manifestDigest: fetched.digest, manifest }
  return isArtifact(manifest)
    ? { ...common, ...reading(image, () => resolveArtifact(manifest, fetched.digest)) }
    : { ...common, ...(await resolveLayers(source, manifest, platform, image)) }
}

type Resolved = Omit<ResolvedImage, 'topDigest' | 'manifestDigest' | 'manifest'>

/** The configuration decides: something that can run stays an image whatever else it says of itself. */
function isArtifact({ config, artifactType }: Manifest): boolean {
  if (configTypes.includes(config.mediaType)) return false
  return !vagueTypes.includes(config.mediaType) || artifactType !== ''
}

function resolveArtifact(manifest: Manifest, id: string): Resolved {
  const layers = artifactFiles(manifest).map((file) => ({ ...file, diffId: nameOfFile(file) }))
  return { id, artifactType: manifest.artifactType || manifest.config.mediaType, configJson: emptyImageConfig, layers }
}

async function resolveLayers(
  source: ImageSource,
  manifest: Manifest,
  platform: Platform,
  image: string,
): Promise<Resolved> {
  const bytes = await source.getDocument(manifest.config, 'the configuration')
  const document = reading(image, () => parseImageConfig(bytes))
  if (!runsOn(document.config, platform)) {
    throw unusableImage(
      image,
      `it is made for ${formatPlatform(document.config)}, this node is ${formatPlatform(platform)}`,
    )
  }
  const { diffIds } = document
  if (diffIds.length !== manifest.layers.length) {
    throw unusableImage(image, `its manifest has ${manifest.layers.length} layers, its configuration ${diffIds.length}`)
  }
  return {
    id: manifest.config.digest,
    configJson: bytes.toString('utf8'),
    layers: manifest.layers.map((descriptor, at) => ({ descriptor, diffId: diffIds[at] as string })),
  }
}

async function descend(source: ImageSource, top: FetchedManifest, platform: Platform, image: string) {
  let fetched = top
  let type = top.contentType
  for (let depth = 0; depth <= maxDepth; depth++) {
    const { bytes } = fetched
    const read = reading(image, () => parseManifest(bytes, type))
    if (read.kind === 'manifest') return { fetched, manifest: read }
    const chosen = choosePlatform(read.manifests, platform)
    if (!chosen) throw noPlatform(image, read.manifests, platform)
    fetched = await source.getManifest(chosen.digest)
    if (fetched.bytes.length !== chosen.size) {
      const got = `${fetched.bytes.length} bytes`
      throw contentMismatch(image, `manifest ${chosen.digest}`, `${chosen.size} bytes`, got)
    }
    // What the index says is covered by its digest, what the registry says is not.
    type = chosen.mediaType || fetched.contentType
  }
  throw unusableImage(image, `its indexes are nested more than ${maxDepth} deep`)
}

function noPlatform(image: string, manifests: readonly Descriptor[], platform: Platform) {
  const names = manifests.flatMap((entry) => (entry.platform ? [formatPlatform(entry.platform)] : []))
  const has = [...new Set(names)].filter((name) => name !== '' && !name.startsWith('unknown')).slice(0, 20)
  const list = has.length === 0 ? 'for no platform at all' : `for ${has.join(', ').slice(0, 300)}`
  return unusableImage(image, `there is no image for ${formatPlatform(platform)}: it is made ${list}`)
}

function reading<T>(image: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw unusableImage(image, messageOf(error), error)
  }
}

import { contentMismatch, unusableImage } from './errors.ts'
import { messageOf } from '../lib/errors.ts'
import { type ImageDocument, parseImageConfig } from './image-config.ts'
import { type Descriptor, type Manifest, mediaType, parseManifest, type Platform } from './manifest.ts'
import { choosePlatform, formatPlatform, runsOn } from './platform.ts'
import type { FetchedManifest } from './registry/registry-client.ts'
import type { ImageSource } from './source.ts'

/** An image of a source, for this platform: everything about it but its layers. */
export interface ResolvedImage {
  /** The digest of what the name stands for: an index, or the manifest itself. */
  readonly topDigest: string
  readonly manifestDigest: string
  readonly manifest: Manifest
  readonly configJson: string
  readonly document: ImageDocument
}

/** An index may point to an index, this deep. */
const maxDepth = 3

/** Old Docker versions pushed configurations as plain bytes. */
const configTypes: readonly string[] = [mediaType.ociConfig, mediaType.dockerConfig, 'application/octet-stream', '']

/** Finds the manifest of `target` for `platform` and reads its configuration. Throws BerthErrors. */
export async function resolveImage(
  source: ImageSource,
  target: string,
  platform: Platform,
  image: string,
): Promise<ResolvedImage> {
  const top = await source.getManifest(target)
  const { fetched, manifest } = await descend(source, top, platform, image)
  const { config } = manifest
  if (!configTypes.includes(config.mediaType)) {
    throw unusableImage(image, `it is not a container image but an artifact (${config.mediaType.slice(0, 200)})`)
  }
  const bytes = await source.getDocument(config, 'the configuration')
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
    topDigest: top.digest,
    manifestDigest: fetched.digest,
    manifest,
    configJson: bytes.toString('utf8'),
    document,
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

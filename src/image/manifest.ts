import * as v from 'valibot'
import { isDigest } from './reference.ts'

/** The manifest and index formats that Berth reads (OCI image-spec 1.1; Docker registry manifest v2, schema 2). */
export const mediaType = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
} as const

/** What a request for a manifest accepts. Schema 1 is not in it: a registry that has nothing else says so or sends it. */
export const acceptedManifests = [
  mediaType.ociIndex,
  mediaType.ociManifest,
  mediaType.dockerList,
  mediaType.dockerManifest,
].join(', ')

export interface Platform {
  readonly os: string
  readonly architecture: string
  /** `v7`, `v8`; '' when none is given. */
  readonly variant: string
}

/** A pointer to content: its digest and its size in bytes say exactly which. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly platform?: Platform
  /** Where else the content can be had ("foreign" layers). */
  readonly urls?: readonly string[]
  readonly annotations: Readonly<Record<string, string>>
}

export interface Index {
  readonly kind: 'index'
  readonly manifests: readonly Descriptor[]
}

export interface Manifest {
  readonly kind: 'manifest'
  /** What it is when it is no image; '' when it does not say. */
  readonly artifactType: string
  readonly config: Descriptor
  /** Lowest first. */
  readonly layers: readonly Descriptor[]
  readonly annotations: Readonly<Record<string, string>>
}

/** Overlayfs takes at most 500 lower folders (fs/overlayfs/params.h, OVL_MAX_STACK). */
const maxLayers = 500
const maxManifests = 2000

const texts = v.nullish(v.record(v.string(), v.string()))
const descriptor = v.object({
  mediaType: v.nullish(v.string(), ''),
  digest: v.pipe(v.string(), v.check(isDigest, 'not a digest')),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  platform: v.nullish(
    v.object({
      os: v.nullish(v.string(), ''),
      architecture: v.nullish(v.string(), ''),
      variant: v.nullish(v.string(), ''),
    }),
  ),
  urls: v.nullish(v.pipe(v.array(v.string()), v.maxLength(16)), []),
  annotations: texts,
})
const index = v.object({ manifests: v.pipe(v.array(descriptor), v.maxLength(maxManifests)) })
const manifest = v.object({
  artifactType: v.nullish(v.string(), ''),
  config: descriptor,
  layers: v.pipe(v.nullish(v.array(descriptor), []), v.maxLength(maxLayers, `more than ${maxLayers} layers`)),
  annotations: texts,
})

/**
 * Reads an index or a manifest. `contentType` is what the registry or the descriptor calls it; what the document says of
 * itself must agree, and one that is both an index and a manifest is refused (CVE-2021-41190). Throws an Error that says
 * what is wrong.
 */
export function parseManifest(bytes: Buffer, contentType: string): Index | Manifest {
  const document = parseJson(bytes)
  const announced = (contentType.split(';')[0] ?? '').trim().toLowerCase()
  const own = typeof document.mediaType === 'string' ? document.mediaType : ''
  if (document.schemaVersion === 1 || isSchema1(announced) || isSchema1(own)) {
    throw new Error(
      'it is in Docker\'s old format "schema 1", which is refused; push the image again with a current tool',
    )
  }
  const kinds = new Set([kindOf(announced), kindOf(own)].filter((kind) => kind !== undefined))
  const hasIndex = document.manifests !== undefined
  const hasManifest = document.layers !== undefined || document.config !== undefined
  if (kinds.size > 1 || (hasIndex && hasManifest)) throw new Error('its manifest claims to be an index as well')
  if (kinds.has('index') || (kinds.size === 0 && hasIndex)) {
    const { manifests } = checked(index, document, 'index')
    return { kind: 'index', manifests: manifests.map(toDescriptor) }
  }
  if (kinds.size === 0 && !hasManifest)
    throw new Error(`it is of an unknown kind (${announced || own || 'no media type'})`)
  const read = checked(manifest, document, 'manifest')
  return {
    kind: 'manifest',
    artifactType: read.artifactType,
    config: toDescriptor(read.config),
    layers: read.layers.map(toDescriptor),
    annotations: read.annotations ?? {},
  }
}

/** Reads JSON that must be an object. */
export function parseJson(bytes: Buffer): { readonly [key: string]: unknown } {
  let document: unknown
  try {
    document = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new Error('it is not JSON')
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new Error('it is no JSON object')
  return document as { readonly [key: string]: unknown }
}

function kindOf(type: string): 'index' | 'manifest' | undefined {
  if (type === mediaType.ociIndex || type === mediaType.dockerList) return 'index'
  if (type === mediaType.ociManifest || type === mediaType.dockerManifest) return 'manifest'
  return undefined
}

function isSchema1(type: string): boolean {
  return /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/.test(type)
}

function checked<T>(schema: v.GenericSchema<unknown, T>, document: unknown, what: string): T {
  const result = v.safeParse(schema, document)
  if (result.success) return result.output
  const [issue] = result.issues
  throw new Error(`its ${what} is damaged: ${v.getDotPath(issue) ?? what}: ${issue.message.slice(0, 200)}`)
}

function toDescriptor(read: v.InferOutput<typeof descriptor>): Descriptor {
  return {
    mediaType: read.mediaType,
    digest: read.digest,
    size: read.size,
    ...(read.platform ? { platform: read.platform } : {}),
    ...(read.urls.length > 0 ? { urls: read.urls } : {}),
    annotations: read.annotations ?? {},
  }
}

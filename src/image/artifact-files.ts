import { createHash } from 'node:crypto'
import type { Descriptor, Manifest } from './manifest.ts'

/** A file of an artifact: a layer of its manifest, kept as it came. */
export interface ArtifactFile {
  readonly descriptor: Descriptor
  /** Relative, without `.`, `..` and empty components. */
  readonly path: string
}

/** The content that stands for none (OCI image-spec, manifest.md, "Guidance for an Empty Descriptor"). */
const emptyType = 'application/vnd.oci.empty.v1+json'
/** What names a file: the OCI annotation, which ORAS sets, and that of CNCF's ModelPack. */
const pathAnnotations = ['org.opencontainers.image.title', 'org.cncf.model.filepath'] as const

/** Bytes; the kernel takes 255 in a name, and a path below the store's own folders must stay below 4096. */
const maxName = 255
const maxPath = 2048

/**
 * The files that an artifact is made of, each at the path that the manifest gives it, or else under the hexadecimal digits
 * of its digest. Throws an Error that says what is wrong: a path that leads out, or two files that cannot both be there.
 */
export function artifactFiles({ layers }: Pick<Manifest, 'layers'>): ArtifactFile[] {
  const files = new Map<string, ArtifactFile>()
  const folders = new Set<string>()
  for (const descriptor of layers) {
    const given = pathAnnotations.map((name) => descriptor.annotations[name]).find((path) => path !== undefined)
    if (given === undefined && descriptor.mediaType === emptyType) continue
    const path = given === undefined ? digitsOf(descriptor.digest) : checkedPath(given)
    const before = files.get(path)
    if (before && before.descriptor.digest !== descriptor.digest) throw clash(path)
    files.set(path, before ?? { descriptor, path })
    const components = path.split('/')
    for (let depth = 1; depth < components.length; depth++) folders.add(components.slice(0, depth).join('/'))
  }
  for (const path of files.keys()) if (folders.has(path)) throw clash(path)
  return [...files.values()]
}

/** The name under which such a file is recorded as a layer: the same content at the same path has the same. */
export function nameOfFile({ descriptor, path }: ArtifactFile): string {
  return `file:${createHash('sha256')
    .update(JSON.stringify([descriptor.digest, path]))
    .digest('hex')}`
}

function digitsOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1)
}

function checkedPath(given: string): string {
  const refuse = (why: string) => new Error(`its file ${shown(given)} ${why}`)
  if (given.startsWith('/')) throw refuse('has an absolute path')
  if (/\p{Cc}/u.test(given) || !given.isWellFormed()) throw refuse('has control characters in its name')
  const components = given.split('/').filter((component) => component !== '' && component !== '.')
  if (components.includes('..')) throw refuse('has a path that leads out of the artifact')
  const path = components.join('/')
  if (path === '') throw refuse('has no name')
  const isLong = components.some((component) => Buffer.byteLength(component) > maxName)
  if (isLong || Buffer.byteLength(path) > maxPath) throw refuse('has too long a name')
  return path
}

function clash(path: string): Error {
  return new Error(`it has several files at ${shown(path)}`)
}

function shown(path: string): string {
  return JSON.stringify(path.slice(0, 200))
}

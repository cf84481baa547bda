import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'
import { contentMismatch, unusableImage } from './errors.ts'
import { type Descriptor, type Index, parseJson, parseManifest } from './manifest.ts'
import { type ImageReference, isDigest, parseReference } from './reference.ts'
import { maxDocument } from './registry/registry-client.ts'
import type { ImageSource } from './source.ts'
import { GrowingFileWriter } from './unpack/growing-file.ts'

/** The images that the index of an OCI layout folder names (OCI image-spec, image-layout.md). Throws BerthErrors. */
export async function readLayoutIndex(folder: string): Promise<readonly Descriptor[]> {
  const bytes = await readDocument(join(folder, 'index.json'), folder, 'its index.json')
  let index: Index | undefined
  try {
    parseJson(bytes)
    const read = parseManifest(bytes, 'application/vnd.oci.image.index.v1+json')
    if (read.kind === 'index') index = read
  } catch (error) {
    throw unusableImage(folder, error instanceof Error ? error.message : String(error), error)
  }
  return index?.manifests ?? []
}

/**
 * The name that a layout's index gives an image; `name` is for one that has only a tag there, or nothing. Throws
 * `failed-precondition` when that is not enough.
 */
export function nameInLayout(folder: string, { annotations, digest }: Descriptor, name?: string): ImageReference {
  const full = annotations['io.containerd.image.name']
  const short = annotations['org.opencontainers.image.ref.name']
  if (full !== undefined) return parseReference(full)
  if (short !== undefined && /[/:]/.test(short)) return parseReference(short)
  if (name !== undefined) return parseReference(short === undefined ? name : `${name}:${short}`)
  throw unusableImage(folder, `the layout has no name for ${digest} (${short ?? 'none'}); give one`)
}

/** The content of an OCI layout folder; it is read where it is. */
export function layoutSource(folder: string, image: string, top: Descriptor): ImageSource {
  const blobPath = (digest: string) => {
    const [algorithm, hex] = digest.split(':') as [string, string]
    return join(folder, 'blobs', algorithm, hex)
  }
  return {
    async getManifest(target) {
      const bytes = await readDocument(blobPath(target), image, `manifest ${target}`)
      checkDigest(image, `manifest ${target}`, bytes, target)
      return { bytes, digest: target, contentType: target === top.digest ? top.mediaType : '' }
    },
    async getDocument({ digest, size }, what) {
      const bytes = await readDocument(blobPath(digest), image, what)
      checkDigest(image, what, bytes, digest)
      if (bytes.length !== size) throw contentMismatch(image, what, `${size} bytes`, `${bytes.length}`)
      return bytes
    },
    openLayer({ digest, size }) {
      const file = new GrowingFileWriter(blobPath(digest))
      return {
        file,
        async fill() {
          const found = await stat(blobPath(digest)).catch(() => undefined)
          if (!found?.isFile()) throw unusableImage(image, `the layout has no blob ${digest}`)
          if (found.size !== size) throw contentMismatch(image, `layer ${digest}`, `${size} bytes`, `${found.size}`)
          file.advance(size)
          file.complete()
          return 0
        },
        async discard() {},
      }
    },
  }
}

function checkDigest(image: string, what: string, bytes: Buffer, digest: string): void {
  if (!isDigest(digest)) throw unusableImage(image, `${what} has no digest`)
  const algorithm = digest.split(':')[0] as string
  const got = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
  if (got !== digest) throw contentMismatch(image, what, digest, got)
}

async function readDocument(path: string, image: string, what: string): Promise<Buffer> {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    if (size > maxDocument) throw unusableImage(image, `${what} has more than ${maxDocument} bytes`)
    return await file.readFile()
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    throw unusableImage(image, `${what} cannot be read (${errnoOf(error)}): this is no complete OCI layout`, error)
  }
}

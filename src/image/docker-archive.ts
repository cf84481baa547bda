import { createHash } from 'node:crypto'
import { createReadStream, existsSync, linkSync, openSync, readSync, closeSync, statSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { unusableImage } from './errors.ts'
import { parseImageConfig } from './image-config.ts'
import { mediaType } from './manifest.ts'
import { maxDocument } from './registry/registry-client.ts'
import { detectCompression } from './unpack/decompress.ts'

/** The files of a `docker save` archive: each image's configuration and its layers as plain tars. */
export const archiveFile = /^(?:\.\/)?(manifest\.json|[a-f0-9]{64}\.(?:json|tar)|[a-f0-9]{64}\/layer\.tar)$/

/** The name that a file of the archive has in the flat folder that it is extracted to. */
export function flatName(name: string): string {
  return name.replace(/^\.\//, '').replaceAll('/', '-')
}

const manifest = v.array(
  v.object({
    Config: v.string(),
    RepoTags: v.nullish(v.array(v.string()), []),
    Layers: v.nullish(v.array(v.string()), []),
  }),
)

/**
 * Turns an extracted `docker save` archive into an OCI layout in the same folder, each image under its names. `aliases` are
 * the symlinks of the archive: old versions write a layer that comes twice so. Throws BerthErrors.
 */
export async function convertDockerArchive(folder: string, aliases: ReadonlyMap<string, string>): Promise<void> {
  const fileOf = (name: string) => {
    const flat = flatName(name)
    const path = archiveFile.test(name) ? join(folder, aliases.get(flat) ?? flat) : undefined
    if (!path || !existsSync(path))
      throw unusableImage(folder, `the archive has no ${JSON.stringify(name.slice(0, 200))}`)
    return path
  }
  const read = async (name: string) => {
    const path = fileOf(name)
    if (statSync(path).size > maxDocument) throw unusableImage(folder, `${name} has more than ${maxDocument} bytes`)
    return await readFile(path)
  }
  const parsed = v.safeParse(manifest, parseJsonOf(await read('manifest.json')))
  if (!parsed.success) throw unusableImage(folder, `its manifest.json is damaged: ${parsed.issues[0].message}`)
  const manifests: object[] = []
  const add = (digest: string, make: (path: string) => void) => {
    const path = join(folder, 'blobs', digest.replace(':', '/'))
    if (!existsSync(path)) make(path)
  }
  for (const { Config, RepoTags, Layers } of parsed.output) {
    const configBytes = await read(Config)
    const configDigest = sha256(configBytes)
    const diffIds = diffIdsOf(folder, configBytes)
    if (diffIds.length !== Layers.length) {
      throw unusableImage(folder, `${Config} speaks of ${diffIds.length} layers, manifest.json of ${Layers.length}`)
    }
    add(configDigest, (path) => writeFileSync(path, configBytes))
    const layers: object[] = []
    for (const [at, name] of Layers.entries()) {
      const file = fileOf(name)
      const digest = await blobDigestOf(file, diffIds[at] as string)
      add(digest, (path) => linkSync(file, path))
      layers.push({ mediaType: 'application/vnd.docker.image.rootfs.diff.tar', digest, size: statSync(file).size })
    }
    const config = { mediaType: mediaType.dockerConfig, digest: configDigest, size: configBytes.length }
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaType.dockerManifest, config, layers }))
    const digest = sha256(bytes)
    add(digest, (path) => writeFileSync(path, bytes))
    const top = { mediaType: mediaType.dockerManifest, digest, size: bytes.length }
    for (const name of RepoTags) manifests.push({ ...top, annotations: { 'io.containerd.image.name': name } })
    if (RepoTags.length === 0) manifests.push(top)
  }
  const index = { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests }
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index))
}

function parseJsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function diffIdsOf(folder: string, bytes: Buffer): readonly string[] {
  try {
    return parseImageConfig(bytes).diffIds
  } catch (error) {
    throw unusableImage(folder, error instanceof Error ? error.message : String(error), error)
  }
}

/** A plain tar's digest is its diff-id, which the unpacking checks; that of a compressed one has to be computed. */
async function blobDigestOf(file: string, diffId: string): Promise<string> {
  const fd = openSync(file, 'r')
  const start = Buffer.alloc(4)
  try {
    readSync(fd, start, 0, 4, 0)
  } finally {
    closeSync(fd)
  }
  if (detectCompression(start) === 'none') return diffId
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return `sha256:${hash.digest('hex')}`
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

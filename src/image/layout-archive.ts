import { closeSync, existsSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { archiveFile, convertDockerArchive, flatName } from './docker-archive.ts'
import { createDecompressor, detectCompression } from './unpack/decompress.ts'
import { type TarEntry, TarReader } from './unpack/tar-reader.ts'

/** The files of an OCI layout; whatever else is in the archive is passed over. */
const layoutFile = /^(?:\.\/)?(oci-layout|index\.json|blobs\/(?:sha256|sha384|sha512)\/[a-f0-9]{64,128})$/

/**
 * Extracts a tar, compressed or not, to `folder`, which does not exist yet and holds an OCI layout then: that of the tar, or
 * one made of a `docker save` archive. No name of the archive is used for a path but those of the two formats. Throws when
 * the archive is broken.
 */
export async function extractLayout(archive: AsyncIterable<Buffer>, folder: string): Promise<void> {
  for (const path of ['', 'blobs', 'blobs/sha256', 'blobs/sha384', 'blobs/sha512']) mkdirSync(join(folder, path))
  let fd: number | undefined
  const aliases = new Map<string, string>()
  const close = () => {
    if (fd !== undefined) closeSync(fd)
    fd = undefined
  }
  const reader = new TarReader({
    entry({ kind, name, linkname }: TarEntry) {
      const target = linkname.replace(/^\.\.\//, '')
      if (kind === 'symlink' && archiveFile.test(name) && archiveFile.test(target)) {
        aliases.set(flatName(name), flatName(target))
      }
      if (kind !== 'file') return
      const path = layoutFile.exec(name)?.[1] ?? (archiveFile.test(name) ? flatName(name) : undefined)
      // A second file of the same name replaces the first; the digests decide in the end.
      if (path !== undefined) fd = openSync(join(folder, path), 'w', 0o600)
    },
    data(chunk, position) {
      if (fd === undefined) return
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at, chunk.length - at, position + at)
    },
    end: close,
  })
  try {
    for await (const chunk of plainBytes(archive)) reader.push(chunk)
    reader.finish()
  } finally {
    close()
  }
  if (!existsSync(join(folder, 'index.json')) && existsSync(join(folder, 'manifest.json'))) {
    await convertDockerArchive(folder, aliases)
  }
}

async function* plainBytes(archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = archive[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done) return
  const decompressor = createDecompressor(detectCompression(first.value))
  async function* rest() {
    yield first.value as Buffer
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
  }
  if (!decompressor) yield* rest()
  else yield* Readable.from(rest()).compose(decompressor) as AsyncIterable<Buffer>
}

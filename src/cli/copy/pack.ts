import { createReadStream, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack as createPack, type Pack } from 'tar-stream'
import { messageOf } from '../../lib/errors.ts'

/**
 * A file or a folder with all in it as a tar, in which it is called `name`. Owners are root, as those of files that come from
 * nowhere in particular; modes, times and symbolic links are kept. What is neither file, folder nor link is left out.
 *
 * @param skipped is told of each path that was left out
 */
export function packTree(path: string, name: string, skipped: (path: string) => void): Readable {
  const pack = createPack()
  add(pack, path, name, skipped).then(
    () => pack.finalize(),
    (error) => pack.destroy(error instanceof Error ? error : new Error(messageOf(error))),
  )
  // It is a stream of its own kind; as an iterable it has what matters: back pressure, and errors.
  return Readable.from(pack, { objectMode: false })
}

async function add(pack: Pack, path: string, name: string, skipped: (path: string) => void): Promise<void> {
  const stats = lstatSync(path)
  const header = { name, mode: stats.mode & 0o7777, mtime: stats.mtime, uid: 0, gid: 0 }
  if (stats.isDirectory()) {
    await addEmpty(pack, { ...header, type: 'directory' })
    for (const child of readdirSync(path)) await add(pack, join(path, child), `${name}/${child}`, skipped)
  } else if (stats.isSymbolicLink()) {
    await addEmpty(pack, { ...header, type: 'symlink', linkname: readlinkSync(path) })
  } else if (stats.isFile()) await addFile(pack, path, header, stats)
  else skipped(path)
}

type EntryHeader = Parameters<Pack['entry']>[0]

function addEmpty(pack: Pack, header: EntryHeader): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  pack.entry(header, '', (error) => (error ? reject(error) : resolve()))
  return promise
}

/** A file that grows meanwhile is cut to the size it had; one that shrinks is an error. */
async function addFile(pack: Pack, path: string, header: EntryHeader, { size }: Stats): Promise<void> {
  if (size === 0) return addEmpty(pack, { ...header, size })
  const entry = pack.entry({ ...header, size }) as unknown as Writable
  await pipeline(createReadStream(path, { end: size - 1 }), entry)
}

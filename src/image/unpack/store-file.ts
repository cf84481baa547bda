import { chmodSync, closeSync, constants, fchmodSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { faultPoint } from '../../lib/fault-point.ts'
import type { GrowingFile } from './growing-file.ts'
import type { HashedBlob } from './hashed-blob.ts'
import type { LayerUsage } from './layer-writer.ts'

/** A blob that is to become a file, alone in a folder that can be laid on others. */
export interface FileTask {
  readonly blob: GrowingFile
  /** The folder: an absolute path that does not exist yet; its parent does. */
  readonly target: string
  /** Where in the folder: relative, without `.` and `..`. */
  readonly path: string
  readonly blobAlgorithm: string
}

/**
 * Writes a blob to its file, while it is still being downloaded. Owned by root and readable by all, whatever the umask.
 * Throws errors of writing, and what {@link HashedBlob.next} throws.
 */
export async function storeFile({ target, path }: FileTask, blob: HashedBlob): Promise<LayerUsage> {
  const folders = path.split('/')
  const name = folders.pop() as string
  let folder = target
  makeFolder(folder)
  for (const component of folders) {
    folder = join(folder, component)
    makeFolder(folder)
  }
  const fd = openSync(join(folder, name), constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o644)
  let bytes = 0
  try {
    faultPoint('unpack-file:begun')
    for (let piece = await blob.next(); piece; piece = await blob.next()) {
      for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at)
      bytes += piece.length
    }
    fchmodSync(fd, 0o644)
    faultPoint('unpack-file:written')
  } finally {
    closeSync(fd)
  }
  const inodes = folders.length + 2
  return { bytes: Math.ceil(bytes / 4096) * 4096 + (inodes - 1) * 4096, inodes }
}

function makeFolder(path: string): void {
  mkdirSync(path)
  chmodSync(path, 0o755)
}

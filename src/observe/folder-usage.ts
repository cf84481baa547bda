import { lstatSync, opendirSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'

export interface FolderUsage {
  /** What its files and folders take of the disk. */
  readonly bytes: number
  readonly inodes: number
}

/**
 * Measures a folder with all that is in it, step by step: each `next()` looks at one file, a few microseconds, and answers
 * what was found so far. Files with several names count once; what is on another file system, or goes while it is being
 * measured, does not count.
 */
export function* measureFolder(folder: string): Generator<FolderUsage, FolderUsage> {
  const linked = new Set<number>()
  let bytes = 0
  let inodes = 0
  const top = lstatSync(folder, { throwIfNoEntry: false })
  const folders = top ? [folder] : []
  for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
    const stat = lstat(path)
    if (!stat || stat.dev !== top?.dev) continue
    if (stat.nlink > 1 && !stat.isDirectory()) {
      if (linked.has(stat.ino)) continue
      linked.add(stat.ino)
    }
    bytes += stat.blocks * 512
    inodes++
    if (stat.isDirectory()) for (const name of names(path)) folders.push(join(path, name))
    yield { bytes, inodes }
  }
  return { bytes, inodes }
}

function lstat(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (isPassing(error)) return undefined
    throw error
  }
}

function names(folder: string): string[] {
  const found: string[] = []
  try {
    const entries = opendirSync(folder, { bufferSize: 256 })
    try {
      for (let entry = entries.readSync(); entry; entry = entries.readSync()) found.push(entry.name)
    } finally {
      entries.closeSync()
    }
  } catch (error) {
    if (!isPassing(error)) throw error
  }
  return found
}

/** The container goes on meanwhile, and its paths may be longer than the host takes. */
function isPassing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'ESTALE'].includes(errnoOf(error) ?? '')
}

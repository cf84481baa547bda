import { promises } from 'node:fs'
import { constants } from 'node:os'
import { errnoError, libc } from './libc.ts'

/**
 * Writes everything that is dirty in the filesystem of `path` to its disk (syncfs(2)), without blocking the event loop.
 * Since Linux 5.8 it reports a write-back error that happened since the descriptor was opened.
 */
export async function syncFilesystem(path: string): Promise<void> {
  await using directory = await promises.open(path, 'r')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  libc.syncfs.async(directory.fd, (error: unknown, result: number) => {
    if (error) reject(error)
    // errno belongs to the thread that made the call and is gone here; a failed write-back is what it can only mean.
    else if (result === -1) reject(errnoError('syncfs', constants.errno.EIO, path))
    else resolve()
  })
  await promise
}

const SYNC_FILE_RANGE_WRITE = 2

/**
 * Has the disk begin with what is dirty of a file, and does not wait (sync_file_range(2)). It promises nothing: a later
 * {@link syncFilesystem} has less to do.
 */
export function beginWriting(fd: number): void {
  libc.sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE)
}

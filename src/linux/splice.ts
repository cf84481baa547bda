import { constants } from 'node:os'
import koffi from 'koffi'
import { check, errnoError, libc } from './libc.ts'

const SPLICE_F_MOVE = 1
const SPLICE_F_NONBLOCK = 2

const offset = Buffer.alloc(8)

/**
 * Moves up to `most` bytes out of a pipe into a file at `position`, without waiting. What has left the pipe is in the file,
 * whenever this process is killed: both happen in one call of the kernel, which counts what it wrote as taken
 * (`iter_file_splice_write`). Answers how many; 0 when the pipe is at its end, -1 when it is empty. The file must not be open
 * for appending (splice(2)).
 */
export function spliceToFile(pipe: number, file: number, position: number, most: number): number {
  offset.writeBigInt64LE(BigInt(position))
  return moved(libc.splice(pipe, null, file, offset, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK))
}

/** The same from a pty master, or another pipe, into a pipe. */
export function spliceToPipe(source: number, pipe: number, most: number): number {
  return moved(libc.splice(source, null, pipe, null, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK))
}

function moved(result: number | bigint): number {
  if (Number(result) !== -1) return Number(result)
  const errno = koffi.errno()
  if (errno === constants.errno.EAGAIN) return -1
  throw errnoError('splice', errno)
}

const FALLOC_FL_KEEP_SIZE = 1
const FALLOC_FL_PUNCH_HOLE = 2

/** Gives back the memory or disk below the first `bytes` of a file, which then read as zeros; its size stays. */
export function punchHole(file: number, bytes: number): void {
  check(libc.fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, bytes), 'fallocate')
}

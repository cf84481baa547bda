import { closeSync, constants, openSync, readSync } from 'node:fs'
import { BerthError, operationFailed } from '../lib/errors.ts'

/** How much is read, in bytes: what a pipe holds (pipe(7)). */
const most = 64 * 1024

/** How much of the last line is told, in characters. */
const toldOfLine = 500

/**
 * The failure of an OCI runtime that has said nothing in its log, with the last line that it wrote to its stderr, the named pipe
 * at `path`: a program that cannot even be loaded says so there. Any other failure is as it was.
 */
export function withLastWords(error: unknown, path: string): unknown {
  if (!(error instanceof BerthError) || !/: it (ended with code|was killed by signal) \d+$/.test(error.message))
    return error
  const line = lastLine(path)
  return line === '' ? error : operationFailed(`${error.message}: ${line}`, error)
}

function lastLine(path: string): string {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const buffer = Buffer.alloc(most)
      const text = buffer.toString('utf8', 0, readSync(fd, buffer))
      return text.trim().split('\n').at(-1)?.trim().slice(0, toldOfLine) ?? ''
    } finally {
      closeSync(fd)
    }
  } catch {
    // There is nothing in it (EAGAIN).
    return ''
  }
}

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { errnoOf } from '../lib/errors.ts'

/** At most this much of a runtime's log is read, from its end, in bytes. */
const maxRead = 64 * 1024

/** The present length of a log file in bytes; 0 when there is none yet. */
export function logLength(path: string): number {
  return withFile(path, (fd) => fstatSync(fd).size) ?? 0
}

/**
 * The message of the last error in the JSON log of a runtime (`--log-format json`: one object a line with `level` and
 * `msg`), looking only at what was written after the first `from` bytes. Undefined when there is none.
 */
export function lastLoggedError(path: string, from: number): string | undefined {
  const text = withFile(path, (fd) => {
    const end = fstatSync(fd).size
    const start = Math.max(from, end - maxRead)
    const buffer = Buffer.alloc(Math.max(0, end - start))
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, start))
  })
  return text === undefined ? undefined : lastErrorIn(text)
}

/** As {@link lastLoggedError}, of a text. Lines that are not JSON objects are passed over. */
export function lastErrorIn(text: string): string | undefined {
  for (const line of text.split('\n').toReversed()) {
    const entry = parse(line)
    if (entry === undefined || typeof entry.msg !== 'string') continue
    if (entry.level === 'error' || entry.level === 'fatal') return entry.msg
  }
  return undefined
}

function parse(line: string): { level?: unknown; msg?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function withFile<T>(path: string, read: (fd: number) => T): T | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    return read(fd)
  } finally {
    closeSync(fd)
  }
}

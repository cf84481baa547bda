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

/** As {@link lastLoggedError}, of a text. What is no JSON object is passed over. */
export function lastErrorIn(text: string): string | undefined {
  for (const entry of entriesIn(text).toReversed()) {
    if (typeof entry.msg === 'string' && (entry.level === 'error' || entry.level === 'fatal')) return entry.msg
  }
  return undefined
}

/** runc and earlier releases of crun write an object a line; crun 1.28 gives each of its fields a line of its own. */
function entriesIn(text: string): Entry[] {
  const entries: Entry[] = []
  let begun = ''
  for (const line of text.split('\n')) {
    begun = line.startsWith('{') ? line : `${begun}\n${line}`
    const entry = parse(begun)
    if (entry === undefined) continue
    entries.push(entry)
    begun = ''
  }
  return entries
}

type Entry = { readonly level?: unknown; readonly msg?: unknown }

function parse(text: string): Entry | undefined {
  try {
    const value: unknown = JSON.parse(text)
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

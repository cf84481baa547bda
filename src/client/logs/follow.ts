import { type FileHandle, open, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { errnoOf, notFound } from '../../lib/errors.ts'
import { LineReader } from './read-lines.ts'

export interface FollowOptions {
  /** Where to begin in the file that is there at first. */
  readonly start: (handle: FileHandle) => Promise<number>
  /** Go on at the end of the file, until `isOver`. */
  readonly follow: boolean
  /** Whether no more lines will be written; asked now and then while nothing comes. */
  readonly isOver: () => Promise<boolean>
  readonly signal: AbortSignal
}

/** Milliseconds between two looks at a file that has nothing new. */
const pollMs = 100
/** Polls between two questions whether the writer has ended. */
const pollsPerQuestion = 5

/**
 * The lines of a log file and, when following, of the files that take its place: the kubelet rotates a log by renaming it and
 * having the runtime open a new one under the old name. Ends when the writer has ended and all is read.
 *
 * @throws BerthError not-found when there is no such file and it is not followed
 */
export async function* followLines(path: string, options: FollowOptions): AsyncGenerator<Buffer, void, undefined> {
  const first = await openFirst(path, options)
  if (first === undefined) return
  let reader = new LineReader(first, await options.start(first))
  try {
    for (let idle = 0; ; idle++) {
      const over = !options.follow || (idle % pollsPerQuestion === 0 && (await options.isOver()))
      // Read after asking: what was written before the writer ended is in the file by then.
      for await (const line of reader.drain()) {
        idle = 0
        yield line
      }
      const next = options.follow ? await openReplacement(path, reader.handle) : undefined
      if (next !== undefined) {
        // The writer may still be between opening the new file and its last line to the old one.
        await sleep(pollMs / 2)
        yield* reader.drain()
        await reader.handle.close()
        reader = new LineReader(next, 0)
        idle = -1
        continue
      }
      if (over) return
      await sleep(pollMs, undefined, { signal: options.signal })
    }
  } finally {
    await reader.handle.close()
  }
}

/** Opens the file; when following, waits for it to appear. Undefined when the writer ended without making one. */
async function openFirst(path: string, { follow, isOver, signal }: FollowOptions): Promise<FileHandle | undefined> {
  for (let polls = 0; ; polls++) {
    const over = follow && polls % pollsPerQuestion === 0 && (await isOver())
    try {
      return await open(path)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      if (!follow) throw notFound('log file', path)
      if (over) return undefined
    }
    await sleep(pollMs, undefined, { signal })
  }
}

/** The file that now has the name, when it is another than the one that is open. */
async function openReplacement(path: string, current: FileHandle): Promise<FileHandle | undefined> {
  const now = await stat(path).catch(() => undefined)
  const old = await current.stat()
  if (now === undefined || (now.ino === old.ino && now.dev === old.dev)) return undefined
  return open(path).catch(() => undefined)
}

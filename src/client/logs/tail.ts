import type { FileHandle } from 'node:fs/promises'
import { parseLogLine } from './line.ts'

const newline = 0x0a
const chunkBytes = 64 * 1024

/**
 * The position (bytes) from which a CRI log file has its last `count` lines of output, read from the end backwards. A line
 * of output that was split into parts counts as one.
 */
export async function tailPosition(handle: FileHandle, count: number): Promise<number> {
  const { size } = await handle.stat()
  if (count === 0) return size
  let found = 0
  for await (const { start, line } of linesBackwards(handle, size)) {
    const parsed = parseLogLine(line)
    const endsLine = !parsed?.partial
    if (endsLine && ++found > count) return start + line.length + 1
  }
  return 0
}

/** The lines that end with a newline, last first, with the position at which each starts. */
async function* linesBackwards(handle: FileHandle, size: number): AsyncGenerator<{ start: number; line: Buffer }> {
  let from = size
  // What is known of the file after `from`, up to the newline that ends the line in question.
  let known: Buffer = Buffer.alloc(0)
  let seenEnd = false
  while (from > 0) {
    const length = Math.min(chunkBytes, from)
    const chunk = Buffer.allocUnsafe(length)
    const { bytesRead } = await handle.read(chunk, 0, length, from - length)
    if (bytesRead < length) return
    from -= length
    known = Buffer.concat([chunk, known])
    let end = known.length
    for (let at = known.lastIndexOf(newline); at !== -1; at = at === 0 ? -1 : known.lastIndexOf(newline, at - 1)) {
      if (seenEnd) yield { start: from + at + 1, line: known.subarray(at + 1, end) }
      seenEnd = true
      end = at
    }
    known = known.subarray(0, end)
  }
  if (seenEnd) yield { start: 0, line: known }
}

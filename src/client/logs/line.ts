/** One line of a CRI log file: `RFC3339Nano SP stdout|stderr SP P|F SP text`. */
export interface LogLine {
  /** As written, RFC 3339 with nanoseconds. */
  readonly timestamp: string
  readonly stream: 'stdout' | 'stderr'
  /** The text goes on in the next line of the same stream. */
  readonly partial: boolean
  /** The container's own bytes, without a newline. */
  readonly text: Buffer
}

const space = 0x20

/** Reads a line (without its newline); undefined when it is not in the CRI format. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const afterTime = line.indexOf(space)
  const afterStream = afterTime === -1 ? -1 : line.indexOf(space, afterTime + 1)
  if (afterStream === -1) return undefined
  const stream = line.toString('latin1', afterTime + 1, afterStream)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  const next = line.indexOf(space, afterStream + 1)
  const afterTags = next === -1 ? line.length : next
  // Tags may be several, joined by colons; the first says whether the line is whole.
  const tag = line.toString('latin1', afterStream + 1, afterTags).split(':', 1)[0]
  if (tag !== 'P' && tag !== 'F') return undefined
  return {
    timestamp: line.toString('latin1', 0, afterTime),
    stream,
    partial: tag === 'P',
    text: line.subarray(afterTags + 1),
  }
}

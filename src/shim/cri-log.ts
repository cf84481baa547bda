/**
 * The CRI log format: `RFC3339Nano SP stdout|stderr SP P|F SP text LF`, one line of output a line; output lines longer than
 * {@link maxLineBytes} are cut into parts, all but the last tagged P (kubelet-contract F8; the size is containerd's default).
 */
export type LogStream = 'stdout' | 'stderr'

/** The longest text of one log line, in bytes. */
export const maxLineBytes = 16 * 1024

/** What stands before the text: the time stamp in 30 bytes, the stream in 6, the tag, and three spaces. */
export const headBytes = 40

/** The longest log line, in bytes. */
export const maxLogLineBytes = headBytes + maxLineBytes + 1

const newline = 0x0a
const fullTag = 0x46
/** Texts up to this length, in bytes, are found and copied byte by byte: calls into the engine would take longer. */
const shortBytes = 64

/** Formats `text`, which may be changed after the call, as log lines into `lines`, as many as fit. */
export interface FormatRequest {
  readonly text: Uint8Array
  readonly lines: Uint8Array
  readonly stream: LogStream
  /** Nanoseconds since the epoch. */
  readonly at: bigint
  /** There is no more to come: a rest without a newline is a full line too, as containerd and conmon end it. */
  readonly final?: boolean
}

/**
 * Turns output into log lines. It begins where a line begins, or where the part before was cut. Answers how many bytes of the
 * text are in the lines, and how many bytes the lines have; what remains has no newline yet, or found no room.
 */
export function formatLines({ text, lines, stream, at, final = false }: FormatRequest): {
  readonly used: number
  readonly written: number
} {
  const full = Buffer.from(`${formatTimestamp(at)} ${stream} F `)
  const partial = Buffer.from(`${formatTimestamp(at)} ${stream} P `)
  let used = 0
  let written = 0
  while (used < text.length) {
    const end = lineEnd(text, used)
    const whole = (end === -1 ? text.length : end) - used
    const cut = whole > maxLineBytes
    if (!cut && end === -1 && !final) break
    const length = cut ? maxLineBytes : whole
    if (headBytes + length + 1 > lines.length - written) break
    lines.set(cut ? partial : full, written)
    written += headBytes
    if (length <= shortBytes) for (let n = 0; n < length; n++) lines[written + n] = text[used + n] as number
    else lines.set(text.subarray(used, used + length), written)
    written += length
    lines[written++] = newline
    used += end === -1 || cut ? length : length + 1
  }
  return { used, written }
}

function lineEnd(text: Uint8Array, from: number): number {
  const near = Math.min(text.length, from + shortBytes)
  for (let at = from; at < near; at++) if (text[at] === newline) return at
  return text.indexOf(newline, near)
}

/** One line of a log, read back. */
export interface LogLine {
  readonly stream: LogStream
  /** The tag is F: a newline followed, or the end of all output. */
  readonly full: boolean
  readonly text: Uint8Array
}

/** What a line of a log says, given without its newline; undefined for what Berth has not written. */
export function parseLine(line: Uint8Array): LogLine | undefined {
  const head = Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, headBytes)).toString('latin1')
  const match = /^\S{30} (stdout|stderr) ([PF]) $/.exec(head)
  if (!match) return undefined
  return { stream: match[1] as LogStream, full: match[2] === 'F', text: line.subarray(headBytes) }
}

/** How many bytes of output whole log lines stand for, of which the last may have ended all output without a newline. */
export function bytesOfText(lines: Uint8Array): number {
  let bytes = 0
  for (let from = 0; from < lines.length; ) {
    const end = lines.indexOf(newline, from)
    const full = lines[from + headBytes - 2] === fullTag
    bytes += end - from - headBytes + (full ? 1 : 0)
    from = end + 1
  }
  return bytes
}

/** RFC 3339 with nine digits of fraction, in UTC, of nanoseconds since the epoch. */
export function formatTimestamp(nanoseconds: bigint): string {
  const seconds = new Date(Number(nanoseconds / 1_000_000_000n) * 1000).toISOString().slice(0, 19)
  return `${seconds}.${String(nanoseconds % 1_000_000_000n).padStart(9, '0')}Z`
}

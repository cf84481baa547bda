import { type LogStream, maxLogLineBytes, parseLine } from './cri-log.ts'
import type { LogFile } from './log-file.ts'
import type { LogPosition } from './log-position.ts'
import type { StagedOutput } from './staged-output.ts'

/** How much of each stream is in a log. */
export type Logged = Record<LogStream, number>

const newline = 0x0a

/**
 * Finds out how much of the staged output a shim that died had written to the log: it notes its position only now and then,
 * but what is in the log beyond that can be compared with what is staged. A line that it began and did not end is taken away.
 */
export function findLogged(file: LogFile, staged: Record<LogStream, StagedOutput>, position: LogPosition): Logged {
  const streams = { stdout: rest(staged.stdout, position.stdout), stderr: rest(staged.stderr, position.stderr) }
  for (const line of linesFrom(file, position.log.size)) {
    const { stream, text, full } = parseLine(line) ?? {}
    if (stream !== undefined && text !== undefined) streams[stream].match(text, full === true)
  }
  return { stdout: streams.stdout.logged, stderr: streams.stderr.logged }
}

/** What of one stream may or may not be in the log. */
class Uncertain {
  readonly #bytes: Uint8Array
  readonly #from: number
  #at = 0
  #matches = true

  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes
    this.#from = from
  }

  get logged(): number {
    return this.#from + this.#at
  }

  /** The log has a line with that text. */
  match(text: Uint8Array, full: boolean): void {
    const end = this.#at + text.length
    const isNext = Buffer.compare(text, this.#bytes.subarray(this.#at, end)) === 0
    // A full line is followed by its newline, or by nothing when all output had ended.
    this.#matches &&= isNext && (!full || end === this.#bytes.length || this.#bytes[end] === newline)
    if (this.#matches) this.#at = Math.min(end + (full ? 1 : 0), this.#bytes.length)
  }
}

function rest(staged: StagedOutput, position: number): Uncertain {
  // It was begun anew, which is done when everything is in the log, and before that is noted.
  const from = staged.end < position ? 0 : position
  return new Uncertain(staged.read(Buffer.alloc(staged.end - from), from), from)
}

/** The lines from `position` on, without their newlines; each is valid until the next is asked for. */
function* linesFrom(file: LogFile, position: number): Generator<Uint8Array> {
  const buffer = Buffer.alloc(16 * maxLogLineBytes)
  for (let at = position; ; ) {
    const piece = file.read(buffer, at)
    let from = 0
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, from)) {
      yield piece.subarray(from, end)
      from = end + 1
    }
    at += from
    if (from > 0) continue
    if (piece.length > 0) file.truncate(at)
    return
  }
}

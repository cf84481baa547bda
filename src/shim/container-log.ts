import { join } from 'node:path'
import { createClock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import type { Logger } from '../lib/log.ts'
import { bytesOfText, formatLines, type LogStream } from './cri-log.ts'
import { LogFile } from './log-file.ts'
import { type LogPosition, LogPositionRecord } from './log-position.ts'
import type { OutputSource } from './output-source.ts'
import { findLogged, type Logged } from './recover-log.ts'
import { StagedOutput } from './staged-output.ts'

export interface ContainerLogOptions {
  /** The folder in which what is not in the log yet is kept. */
  readonly bundle: string
  /** Empty when the output is to be dropped. */
  readonly path: string
  /** A shim that is gone has written to this log: it is gone on with where that one was interrupted. */
  readonly resume: boolean
  readonly log: Logger
}

const clock = createClock()
const streams = ['stdout', 'stderr'] as const
const newline = 0x0a

/** For all containers: what is done with them is done before anything else happens. */
const text = Buffer.allocUnsafe(256 * 1024)
const lines = Buffer.allocUnsafe(256 * 1024)

/** What is noted and given back at a time, in bytes: little enough to be compared with the log by the next shim. */
const releaseBytes = 256 * 1024
/** The same when all is in the log, which makes it cheaper. */
const clearBytes = 16 * 1024
/** What is kept for a log that cannot be written, in bytes a stream. A full disk costs log lines; it must not stop the container. */
const maxBacklog = 1024 * 1024
/** After how long a log that cannot be written is tried again, in milliseconds. */
const retryMs = 1000

/**
 * The way of a container's output from where it is staged into the CRI log, in such a way that a kill at any moment neither
 * loses nor doubles a byte of it: the lines are written first; how far they go is noted later, and found out from the log
 * itself by whoever comes next.
 */
export class ContainerLog {
  readonly #file: LogFile | undefined
  readonly #log: Logger
  readonly #record: LogPositionRecord
  readonly #staged: Record<LogStream, StagedOutput>
  /** How much of what is staged is in the log, */
  #logged: Logged = { stdout: 0, stderr: 0 }
  /** and how much of that is noted. */
  readonly #released: Logged = { stdout: 0, stderr: 0 }
  #noted = false
  /** A kill costs nothing. */
  #isExact = true
  #retry: NodeJS.Timeout | undefined
  #failing = false

  constructor({ bundle, path, resume, log }: ContainerLogOptions) {
    this.#log = log
    this.#record = new LogPositionRecord(join(bundle, 'logged'))
    const position = resume ? this.#record.read() : undefined
    const before = position && path !== '' ? LogFile.find(path, position.log) : undefined
    this.#file = before ?? (path === '' ? undefined : new LogFile(path))
    const staged = (stream: LogStream) => new StagedOutput(join(bundle, `${stream}.staged`), { resume: !!position })
    this.#staged = { stdout: staged('stdout'), stderr: staged('stderr') }
    if (position) this.#resume(position, before)
  }

  #resume(position: LogPosition, before: LogFile | undefined): void {
    // Without the file that was written to, what is not known to be in it is written again.
    this.#logged = before ? findLogged(before, this.#staged, position) : notedOf(this.#staged, position)
    // The kubelet has renamed it, and the shim died when it had made the new one.
    if (before?.isReplaced) before.reopen()
    this.#note()
  }

  /** Takes what a source has, at most `most` bytes: how many, 0 at its end, -1 for none as yet. */
  take(stream: LogStream, source: OutputSource, most: number): number {
    if (!this.#noted) this.#note()
    const taken = this.#staged[stream].take(source, most)
    if (taken > 0) faultPoint('shim-output:taken')
    return taken
  }

  /** Reads the last `bytes` that were taken, in pieces, each valid until the next is asked for. */
  *taken(stream: LogStream, bytes: number): Generator<Uint8Array> {
    const staged = this.#staged[stream]
    for (let at = staged.end - bytes; at < staged.end; ) {
      const piece = staged.read(text, at)
      yield piece
      at += piece.length
    }
  }

  /** Writes what was taken, but for a line that has not ended yet; with `final` that too. */
  write(stream: LogStream, final = false): void {
    const staged = this.#staged[stream]
    for (let more = true; more && this.#logged[stream] < staged.end; ) {
      const piece = staged.read(text, this.#logged[stream])
      const isLast = this.#logged[stream] + piece.length === staged.end
      more = this.#writePiece(stream, piece, final && isLast)
    }
    this.#release(stream)
  }

  /** Writes the whole lines of a piece of what was taken. Answers whether there were any, and all could be written. */
  #writePiece(stream: LogStream, piece: Uint8Array, final: boolean): boolean {
    let used = 0
    for (;;) {
      const next = formatLines({ text: piece.subarray(used), lines, stream, at: clock(), final })
      if (next.written === 0) return used > 0
      if (!this.#append(stream, lines.subarray(0, next.written), next.used)) return false
      used += next.used
    }
  }

  /** Goes on in a new log file after the old one was renamed. */
  reopen(): void {
    this.#file?.reopen()
    if (this.#noted) this.#note()
  }

  /** There is no more to come: the last lines are written, and nothing but the log is left. */
  finish(): void {
    for (const stream of streams) this.write(stream, true)
    clearTimeout(this.#retry)
    // What is staged before what says how much of it is in the log: never the one without the other.
    for (const stream of streams) this.#staged[stream].remove()
    this.#record.remove()
    this.#file?.[Symbol.dispose]()
  }

  /** Answers whether all could be written. */
  #append(stream: LogStream, lines: Uint8Array, used: number): boolean {
    if (!this.#file) {
      this.#logged[stream] += used
      return true
    }
    const { written, error } = this.#file.append(lines)
    faultPoint('shim-output:appended')
    const isWhole = written === lines.length
    this.#logged[stream] += isWhole ? used : bytesOfText(lines.subarray(0, written))
    if (isWhole) this.#failing = false
    else this.#failed(stream, error)
    return isWhole
  }

  /** It is tried again, and with every new line; what has come meanwhile is kept, within bounds. */
  #failed(stream: LogStream, error: unknown): void {
    if (!this.#failing) this.#log.error({ error: messageOf(error) }, 'cannot write the log; it is tried again')
    this.#failing = true
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined
      for (const stream of streams) this.write(stream)
    }, retryMs)
    const staged = this.#staged[stream]
    if (staged.end - this.#logged[stream] <= maxBacklog) return
    const tail = staged.read(text, staged.end - text.length)
    const lost = staged.end - tail.length + tail.lastIndexOf(newline) + 1 - this.#logged[stream]
    this.#logged[stream] += lost
    this.#log.error({ stream, bytes: lost }, 'output is lost: the log cannot be written')
  }

  /** Gives back the memory of what is in the log; as long as it is there, whoever comes next can compare. */
  #release(stream: LogStream): void {
    const staged = this.#staged[stream]
    const logged = this.#logged[stream]
    if (logged === staged.end && logged >= clearBytes) {
      staged.clear()
      this.#logged[stream] = this.#released[stream] = 0
      this.#note()
    } else if (logged - this.#released[stream] >= releaseBytes) {
      this.#note()
      staged.release(logged)
      this.#released[stream] = logged
    }
  }

  #note(): void {
    this.#noted = true
    try {
      if (this.#isExact && this.#file) return this.#record.write({ log: this.#file.facts, ...this.#logged })
    } catch (error) {
      this.#log.warn({ error: messageOf(error) }, 'a kill of this process may cost log lines: no note can be made')
    }
    if (!this.#isExact) return
    this.#isExact = false
    for (const stream of streams) this.#staged[stream].keepInMemory()
    this.#record.remove()
  }
}

/** How much was noted of what is there. */
function notedOf(staged: Record<LogStream, StagedOutput>, position: LogPosition): Logged {
  const noted = (stream: LogStream) => (staged[stream].end < position[stream] ? 0 : position[stream])
  return { stdout: noted('stdout'), stderr: noted('stderr') }
}

import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { parseTime } from '../format/timestamp.ts'
import { type LogLine, parseLogLine } from '../../client/logs/line.ts'

export interface PrintOptions {
  readonly stdout: Writable
  readonly stderr: Writable
  /** Put each line's time in front of it. */
  readonly timestamps: boolean
  /** Leave out what is older: nanoseconds since the epoch. */
  readonly since?: bigint
  /** Leave out the other stream. */
  readonly stream?: 'stdout' | 'stderr'
}

const newline = Buffer.from('\n')

/** Prints the lines of a CRI log as the container wrote them: each to its stream, parts of a line joined. */
export class LogPrinter {
  readonly #options: PrintOptions
  /** The streams whose last line was a part. */
  readonly #unfinished = new Set<LogLine['stream']>()

  constructor(options: PrintOptions) {
    this.#options = options
  }

  /** Prints a line of the file; what is not in the CRI format goes to stdout as it is. */
  async print(raw: Buffer): Promise<void> {
    const line = parseLogLine(raw)
    if (line === undefined) return this.#write('stdout', [raw, newline])
    const { stream, since, timestamps } = this.#options
    if (stream !== undefined && line.stream !== stream) return
    if (since !== undefined && (parseTime(line.timestamp) ?? since) < since) return
    const parts = line.partial ? [line.text] : [line.text, newline]
    if (timestamps && !this.#unfinished.has(line.stream)) parts.unshift(Buffer.from(`${line.timestamp} `))
    if (line.partial) this.#unfinished.add(line.stream)
    else this.#unfinished.delete(line.stream)
    await this.#write(line.stream, parts)
  }

  async #write(stream: LogLine['stream'], parts: Buffer[]): Promise<void> {
    const target = this.#options[stream]
    if (!target.write(Buffer.concat(parts))) await once(target, 'drain')
  }
}

import { createClock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { openFifoForReading } from '../linux/fifo.ts'
import { formatTimestamp, LogFormatter, type LogStream } from './cri-log.ts'
import { LogFile } from './log-file.ts'
import { OutputReader } from './output-reader.ts'

const clock = createClock()

/** What a container writes, on its way from the pipes (or the pty) to the CRI log. */
export class ContainerOutput {
  readonly #file: LogFile | undefined
  readonly #log: Logger
  readonly #readers: OutputReader[] = []
  readonly #formatters: LogFormatter[] = []
  #writing = true

  /** @param logPath empty when the output is to be dropped. */
  constructor(logPath: string, log: Logger) {
    this.#file = logPath === '' ? undefined : new LogFile(logPath)
    this.#log = log.child({ logPath })
  }

  /** Reads the named pipe at `path`. */
  readPipe(stream: LogStream, path: string): void {
    this.read(stream, openFifoForReading(path))
  }

  /** Takes over `fd`, the non-blocking reading end of a pipe or a pty master. */
  read(stream: LogStream, fd: number): void {
    const formatter = new LogFormatter(stream)
    this.#formatters.push(formatter)
    this.#readers.push(new OutputReader(fd, (chunk) => this.#append(formatter.add(chunk, formatTimestamp(clock())))))
  }

  /** Goes on in a new log file after the old one was renamed. */
  reopenLog(): void {
    this.#file?.reopen()
  }

  /** The container has ended: reads what is left, writes the last lines and closes all. */
  finish(): void {
    for (const reader of this.#readers) reader.finish()
    for (const formatter of this.#formatters) this.#append(formatter.end(formatTimestamp(clock())))
    this.#file?.[Symbol.dispose]()
  }

  /** A full disk costs log lines, as with the other runtimes; it must not stop the container, nor this process. */
  #append(lines: Buffer): void {
    if (lines.length === 0 || !this.#file) return
    try {
      this.#file.append(lines)
      this.#writing = true
    } catch (error) {
      if (this.#writing) this.#log.error({ error: messageOf(error) }, 'cannot write the log; lines are being lost')
      this.#writing = false
    }
  }
}

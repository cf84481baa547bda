import { createClock } from '../lib/clock.ts'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { openFifoForReading } from '../linux/fifo.ts'
import { AttachClient } from './attach-client.ts'
import { formatTimestamp, LogFormatter, type LogStream } from './cri-log.ts'
import { LogFile } from './log-file.ts'
import { OutputReader } from './output-reader.ts'

const clock = createClock()

/** What a container writes, on its way from the pipes (or the pty) to the CRI log and to the clients that are attached. */
export class ContainerOutput {
  readonly #file: LogFile | undefined
  readonly #log: Logger
  readonly #readers: OutputReader[] = []
  readonly #formatters: LogFormatter[] = []
  readonly #clients = new Set<AttachClient>()
  /** The pty master and its reader, when the container has a terminal. */
  #terminal: { readonly master: number; readonly reader: OutputReader } | undefined
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
  read(stream: LogStream, fd: number): OutputReader {
    const formatter = new LogFormatter(stream)
    this.#formatters.push(formatter)
    const onChunk = (chunk: Uint8Array) => {
      this.#append(formatter.add(chunk, formatTimestamp(clock())))
      for (const client of this.#clients) client.write(stream, chunk)
    }
    const reader = new OutputReader(fd, onChunk)
    this.#readers.push(reader)
    return reader
  }

  /** Takes over `master`, the pty of a container with a terminal: what it shows goes to the log as stdout. */
  readTerminal(master: number): void {
    this.#terminal = { master, reader: this.read('stdout', master) }
  }

  /** The pty master, as long as it is open here. */
  get terminal(): number | undefined {
    return this.#terminal?.reader.open ? this.#terminal.master : undefined
  }

  /** A client that gets what the container writes from now on. It is for the caller to end it when it has gone. */
  attach(streams: Iterable<LogStream>): AttachClient {
    const client = new AttachClient(streams, this.terminal)
    this.#clients.add(client)
    void client.ended.then(() => this.#clients.delete(client))
    return client
  }

  /** Goes on in a new log file after the old one was renamed. */
  reopenLog(): void {
    this.#file?.reopen()
  }

  /** The container has ended: reads what is left, writes the last lines and closes all. */
  finish(): void {
    for (const reader of this.#readers) {
      try {
        reader.finish()
      } catch (error) {
        this.#log.error({ error: messageOf(error) }, 'cannot read the last of the output')
      }
    }
    for (const formatter of this.#formatters) this.#append(formatter.end(formatTimestamp(clock())))
    for (const client of this.#clients) client.end('container-ended')
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

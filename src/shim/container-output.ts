import { join } from 'node:path'
import { messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { ReadableWatch } from '../linux/readable.ts'
import { AttachClient } from './attach-client.ts'
import { ContainerLog } from './container-log.ts'
import type { LogStream } from './cri-log.ts'
import { type OutputSource, PipeSource, TerminalSource } from './output-source.ts'
import { PacedWatch } from './paced-watch.ts'

export interface ContainerOutputOptions {
  /** The folder with the named pipes `stdout` and `stderr`. */
  readonly bundle: string
  /** Empty when the output is to be dropped. */
  readonly logPath: string
  readonly log: Logger
  /** A shim that is gone has read this output before: see {@link ContainerLog}. */
  readonly resume?: boolean
}

/** What is taken from one stream in one turn, in bytes: the others come next. */
const turnBytes = 256 * 1024

interface Stream {
  readonly name: LogStream
  readonly source: OutputSource
  readonly watch: Disposable
}

/** What a container writes, on its way from the pipes (or the pty) to the CRI log and to the clients that are attached. */
export class ContainerOutput {
  readonly #bundle: string
  readonly #containerLog: ContainerLog
  readonly #log: Logger
  readonly #streams: Stream[] = []
  readonly #clients = new Set<AttachClient>()
  #terminal: number | undefined

  constructor({ bundle, logPath, log, resume = false }: ContainerOutputOptions) {
    this.#bundle = bundle
    this.#log = log.child({ logPath })
    this.#containerLog = new ContainerLog({ bundle, path: logPath, resume, log: this.#log })
  }

  /** Reads the named pipes of the container. */
  readPipes(): void {
    for (const name of ['stdout', 'stderr'] as const) {
      const source = new PipeSource(join(this.#bundle, name))
      this.#read(name, source, (take) => new PacedWatch(source, take))
    }
  }

  /** Takes over `master`, the pty of a container with a terminal: what it shows goes to the log as stdout. */
  readTerminal(master: number): void {
    const source = new TerminalSource(master, join(this.#bundle, 'stdout'))
    // Somebody may be looking at it: nothing is held up.
    this.#read('stdout', source, (take) => new ReadableWatch(source.fd, take))
    this.#terminal = master
  }

  #read(name: LogStream, source: OutputSource, watch: (take: () => number) => Disposable): void {
    const take = () => {
      try {
        const taken = this.#take(stream, turnBytes)
        if (taken === 0) this.#ended(stream)
        return taken
      } catch (error) {
        this.#log.error({ stream: name, error: messageOf(error) }, 'cannot read the output any more')
        this.#ended(stream)
        return 0
      }
    }
    const stream = { name, source, watch: watch(take) }
    this.#streams.push(stream)
  }

  /** Takes what there is, and hands it on: how many bytes, 0 at the end, -1 for none as yet. */
  #take(stream: Stream, most: number): number {
    const { name, source } = stream
    const taken = this.#containerLog.take(name, source, most)
    if (taken <= 0) return taken
    if (this.#clients.size > 0) {
      for (const chunk of this.#containerLog.taken(name, taken)) {
        for (const client of this.#clients) client.write(name, chunk)
      }
    }
    this.#containerLog.write(name)
    return taken
  }

  /** Nobody can write any more. What is open stays so until the end, when it is looked at once more. */
  #ended({ watch }: Stream): void {
    watch[Symbol.dispose]()
    this.#terminal = undefined
  }

  /** The pty master, until the terminal has hung up. */
  get terminal(): number | undefined {
    return this.#terminal
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
    this.#containerLog.reopen()
  }

  /**
   * The container has ended: reads what is left, writes the last lines and closes all. Whatever it wrote before it ended is read;
   * of another that still writes no more than the pipe can hold, since it might never come to an end.
   */
  finish(): void {
    for (const stream of this.#streams) {
      this.#ended(stream)
      try {
        let left = stream.source.capacity
        for (let taken = 1; taken > 0 && left > 0; left -= taken) taken = this.#take(stream, Math.min(left, turnBytes))
      } catch (error) {
        this.#log.error({ error: messageOf(error) }, 'cannot read the last of the output')
      }
      stream.source[Symbol.dispose]()
    }
    try {
      this.#containerLog.finish()
    } finally {
      for (const client of this.#clients) client.end('container-ended')
    }
  }
}

import { closeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { createPipe, duplicate } from '../linux/pipe.ts'
import { pipeWriter } from '../linux/pipe-stream.ts'
import type { LogStream } from './cri-log.ts'
import type { AttachEnd, StdioNumbers } from './protocol.ts'

/** What is kept for a client that takes its output slower than it comes, in bytes a stream, beside the 64 KiB of a pipe. */
export const maxUnsent = 1024 * 1024

/**
 * One client that watches a container: a pipe for each stream that it wants. What the container writes is copied into them
 * without ever waiting; a client that falls behind by more than {@link maxUnsent} is cut off, so that neither the container
 * nor its log nor the other clients wait for it.
 */
export class AttachClient {
  readonly #writers = new Map<LogStream, Writable>()
  /** The ends that berthd is to take copies of. */
  #offered: StdioNumbers
  readonly #ended = Promise.withResolvers<AttachEnd>()

  /** @param terminal the container's pty master, of which the client gets a copy for its input */
  constructor(streams: Iterable<LogStream>, terminal: number | undefined) {
    const fds: Record<string, number> = terminal === undefined ? {} : { pty: duplicate(terminal) }
    for (const stream of streams) {
      const pipe = createPipe()
      fds[stream] = pipe.read
      const writer = pipeWriter(pipe.write)
      // EPIPE: berthd, or its client, has gone.
      writer.on('error', () => this.end('left'))
      this.#writers.set(stream, writer)
    }
    this.#offered = fds
  }

  get fds(): StdioNumbers {
    return this.#offered
  }

  /** Why it is over; what was written before is in the pipes, and their end comes after it. */
  get ended(): Promise<AttachEnd> {
    return this.#ended.promise
  }

  /** berthd has its copies. */
  letGo(): void {
    for (const fd of Object.values(this.#offered)) closeSync(fd)
    this.#offered = {}
  }

  /** `chunk` is not kept. */
  write(stream: LogStream, chunk: Uint8Array): void {
    const writer = this.#writers.get(stream)
    if (!writer?.writable) return
    writer.write(Buffer.from(chunk))
    if (writer.writableLength > maxUnsent) this.end('too-slow')
  }

  /** With `container-ended` what is unsent is still sent; otherwise the client has gone or is cut off. */
  end(reason: AttachEnd): void {
    this.#ended.resolve(reason)
    for (const writer of this.#writers.values()) {
      if (reason === 'container-ended') writer.end()
      else writer.destroy()
    }
  }
}

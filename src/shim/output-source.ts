import { closeSync } from 'node:fs'
import { errnoOf } from '../lib/errors.ts'
import { openFifoForBoth, openFifoForReading } from '../linux/fifo.ts'
import { createPipe, pipeCapacity, setPipeCapacity } from '../linux/pipe.ts'
import { spliceToFile, spliceToPipe } from '../linux/splice.ts'

/** Where the output of a container comes from. */
export interface OutputSource extends Disposable {
  /** To be watched for something to read. */
  readonly fd: number
  /** The most that may be waiting in it once its writer has ended, in bytes. */
  readonly capacity: number
  /** Moves up to `most` bytes to the end of `file`, `position`: how many, 0 at the end of the source, -1 for none as yet. */
  take(file: number, position: number, most: number): number
}

/**
 * The most that a pipe is made to hold, in bytes. What is in it counts as memory of the container; and of all pipes of a user
 * 64 MiB may be asked for before those of its processes without privileges become small (pipe(7), pipe-user-pages-soft).
 */
const mostInPipe = 512 * 1024

/** A named pipe of a container. */
export class PipeSource implements OutputSource {
  readonly fd: number
  readonly #usual: number
  #capacity: number
  #mayGrow: boolean

  constructor(path: string) {
    this.fd = openFifoForReading(path)
    this.#usual = this.#capacity = pipeCapacity(this.fd) ?? 0
    this.#mayGrow = this.#usual < mostInPipe
  }

  get capacity(): number {
    return this.#capacity
  }

  /** Lets more wait in it, while its writer is fast; false when it has all that it may. */
  enlarge(): boolean {
    if (!this.#mayGrow) return false
    this.#mayGrow = false
    if (!setPipeCapacity(this.fd, mostInPipe)) return false
    this.#capacity = mostInPipe
    return true
  }

  /** Makes it as it was, unless more than that is in it. */
  shrink(): void {
    if (this.#capacity === this.#usual || !setPipeCapacity(this.fd, this.#usual)) return
    this.#capacity = this.#usual
    this.#mayGrow = true
  }

  take(file: number, position: number, most: number): number {
    return spliceToFile(this.fd, file, position, most)
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
  }
}

/** How much is taken from a terminal at a time, in bytes. */
const terminalPiece = 16 * 1024

/**
 * The pty master of a container with a terminal. Splicing needs a pipe on one side, so the output goes through one, which is a
 * named pipe in the bundle, and held by berthd like those of other containers: what has left the terminal is there.
 */
export class TerminalSource implements OutputSource {
  readonly fd: number
  /** More than a terminal holds: its buffers are let grow to 64 KiB, and its line discipline has 4 KiB (tty_buffer.c). */
  readonly capacity = 128 * 1024
  readonly #pipe: { readonly read: number; readonly write: number }
  /** There may be something in the pipe. */
  #left = true

  /** Takes over `master`, which must not block. @param pipe the path of the named pipe */
  constructor(master: number, pipe: string) {
    this.fd = master
    this.#pipe = openPipe(pipe)
  }

  take(file: number, position: number, most: number): number {
    if (!this.#left) {
      const shown = this.#show(Math.min(most, terminalPiece))
      if (shown <= 0) return shown
    }
    const taken = spliceToFile(this.#pipe.read, file, position, most)
    this.#left = taken > 0
    return taken === -1 ? this.take(file, position, most) : taken
  }

  /** Takes from the terminal into the pipe, which is empty. */
  #show(most: number): number {
    try {
      return spliceToPipe(this.fd, this.#pipe.write, most)
    } catch (error) {
      // Its last process has closed it (pty(7)).
      if (errnoOf(error) === 'EIO') return 0
      throw error
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd)
    for (const fd of new Set([this.#pipe.read, this.#pipe.write])) closeSync(fd)
  }
}

function openPipe(path: string): { readonly read: number; readonly write: number } {
  try {
    const both = openFifoForBoth(path)
    return { read: both, write: both }
  } catch (error) {
    // An earlier berthd has made this container.
    if (errnoOf(error) === 'ENOENT') return createPipe()
    throw error
  }
}

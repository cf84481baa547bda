import { closeSync, writeSync } from 'node:fs'
import { Readable, Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { errnoOf } from '../lib/errors.ts'
import { duplicate } from './pipe.ts'
import { setWindowSize } from './window-size.ts'

/** How often a terminal that takes no more input is tried again, in milliseconds. */
const retryMs = 10

/**
 * The master of a pty: what is typed goes in at `input`, what the terminal shows comes out of `output`. Takes over `fd`,
 * which must not block.
 */
export class Terminal {
  /** Written to and resized. Closed by {@link close} alone, so that its number means the terminal until then. */
  readonly #fd: number
  readonly input: Writable
  /** Absent for a terminal whose output somebody else reads. */
  readonly output: Readable | undefined
  #open = true

  constructor(fd: number, options: { readonly read: boolean }) {
    // What reads closes its descriptor when the kernel says that the terminal has hung up, at a moment of its own.
    this.#fd = options.read ? duplicate(fd) : fd
    this.input = new TerminalInput((bytes) => (this.#open ? writeSync(this.#fd, bytes) : bytes.length))
    this.output = options.read ? new TerminalOutput(fd) : undefined
    for (const event of ['end', 'error', 'close']) this.output?.on(event, () => this.close())
  }

  /** Sizes in characters. */
  resize(size: { readonly width: number; readonly height: number }): void {
    if (this.#open) setWindowSize(this.#fd, size)
  }

  /** Lets go of it. When nobody else has the master either, its processes get SIGHUP. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    closeSync(this.#fd)
    this.output?.destroy()
  }
}

/**
 * Reads a pty. When its last process has closed it, the kernel says EIO instead of an end (pty(7)); a stream of Node's would
 * then drop what it has read ahead.
 */
class TerminalOutput extends Readable {
  readonly #source: ReadStream

  constructor(fd: number) {
    super({ highWaterMark: 64 * 1024 })
    // It reads nothing ahead: its error comes when all before it has been handed on.
    this.#source = new ReadStream(fd, { highWaterMark: 0 } as object)
    this.#source.on('data', (chunk) => {
      if (!this.push(chunk)) this.#source.pause()
    })
    const end = () => void this.push(null)
    this.#source.on('end', end).on('error', end)
  }

  override _read(): void {
    this.#source.resume()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#source.destroy()
    done(error)
  }
}

/**
 * Writes to a pty. Not a stream of Node's, whose libuv makes writes to a pty master blocking: it would spin when a program
 * does not read its terminal.
 */
class TerminalInput extends Writable {
  readonly #write: (bytes: Buffer) => number
  #retry: NodeJS.Timeout | undefined

  constructor(write: (bytes: Buffer) => number) {
    super({ decodeStrings: true })
    this.#write = write
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    try {
      const written = this.#write(chunk)
      if (written === chunk.length) return done()
      this._write(chunk.subarray(written), encoding, done)
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') return done(error as Error)
      this.#retry = setTimeout(() => this._write(chunk, encoding, done), retryMs)
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#retry)
    done(error)
  }
}

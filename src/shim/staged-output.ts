import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { memfd } from '../linux/command.ts'
import { punchHole } from '../linux/splice.ts'
import type { OutputSource } from './output-source.ts'

/** Memory is given back in pages. */
const pageBytes = 4096

/**
 * What one stream of a container has written, from the moment when it leaves the pipe until it is known to be in the log. It is
 * a file in the bundle, in memory (/run), that only grows: its size is the one count of what was taken, and the kernel keeps
 * it. So whoever kills this process, at whatever moment, loses nothing and doubles nothing of it.
 *
 * Positions count from the beginning of the file, which is made when there is something to keep.
 */
export class StagedOutput implements Disposable {
  readonly #path: string
  #fd: number | undefined
  #end = 0
  /** The file is no longer in the bundle: what it has is lost when this process is. */
  #inMemory = false

  /** Continues what is at `path`, if there is anything. */
  constructor(path: string, { resume = false } = {}) {
    this.#path = path
    if (!resume) return
    this.#fd = openIfThere(path)
    if (this.#fd !== undefined) this.#end = fstatSync(this.#fd).size
  }

  /** Where the next byte will be. */
  get end(): number {
    return this.#end
  }

  /** Takes what there is, at most `most` bytes, without waiting: how many, 0 at the end of the source, -1 for none as yet. */
  take(source: OutputSource, most: number): number {
    let taken: number
    try {
      this.#fd ??= openSync(this.#path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC, 0o600)
      taken = source.take(this.#fd, this.#end, most)
    } catch (error) {
      // Its folder is full, most likely. The container must not wait for that.
      if (this.#inMemory) throw error
      this.keepInMemory()
      return this.take(source, most)
    }
    if (taken > 0) this.#end += taken
    return taken
  }

  /** Reads what is between two positions into `buffer`, as far as it fits. */
  read(buffer: Uint8Array, from: number, to = this.#end): Uint8Array {
    const most = Math.min(buffer.length, to - from)
    if (this.#fd === undefined || most <= 0) return buffer.subarray(0, 0)
    return buffer.subarray(0, readSync(this.#fd, buffer, 0, most, from))
  }

  /** Gives back the memory of what is before `position`, which is not read again. */
  release(position: number): void {
    const bytes = position - (position % pageBytes)
    if (this.#fd !== undefined && bytes > 0) punchHole(this.#fd, bytes)
  }

  /** Begins anew, at position 0. */
  clear(): void {
    if (this.#fd !== undefined) ftruncateSync(this.#fd, 0)
    this.#end = 0
  }

  /** Goes on without a file in the bundle. */
  keepInMemory(): void {
    if (this.#inMemory) return
    const before = this.#fd
    const fd = memfd('output')
    // Positions stay what they are; what was released is a hole here too.
    if (before !== undefined) copy(before, fd, this.#end)
    this.#inMemory = true
    this.#fd = fd
    if (before !== undefined) closeSync(before)
    rmSync(this.#path, { force: true })
  }

  /** Everything is in the log, or never will be. */
  remove(): void {
    if (this.#fd !== undefined && !this.#inMemory) rmSync(this.#path, { force: true })
    this[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDWR)
  } catch {
    return undefined
  }
}

function copy(from: number, to: number, end: number): void {
  const buffer = Buffer.alloc(64 * 1024)
  const zeros = Buffer.alloc(buffer.length)
  for (let at = 0; at < end; ) {
    const bytes = readSync(from, buffer, 0, Math.min(buffer.length, end - at), at)
    if (bytes === 0) break
    const piece = buffer.subarray(0, bytes)
    if (!piece.equals(zeros.subarray(0, bytes))) writeSync(to, piece, 0, bytes, at)
    at += bytes
  }
}

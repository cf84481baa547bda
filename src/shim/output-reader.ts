import { readSync } from 'node:fs'
import { Socket } from 'node:net'
import { errnoOf } from '../lib/errors.ts'
import { pipeCapacity } from '../linux/pipe.ts'

const chunkBytes = 64 * 1024

/**
 * Reads a pipe as it fills and hands every chunk on at once. The chunk is only valid during the call: one buffer serves all.
 * It never waits for the end of the pipe: whoever knows that the writer has ended calls {@link finish}.
 */
export class OutputReader {
  readonly #fd: number
  readonly #socket: Socket
  readonly #onChunk: (chunk: Uint8Array) => void
  readonly #buffer = Buffer.allocUnsafe(chunkBytes)
  #open = true

  /** Takes over `fd`, the non-blocking reading end of a pipe. */
  constructor(fd: number, onChunk: (chunk: Uint8Array) => void) {
    this.#fd = fd
    this.#onChunk = onChunk
    // Node's `onread` reads into one buffer of ours instead of a new one each time; it is not in the types of Socket.
    const onread = { buffer: this.#buffer, callback: this.#onRead }
    this.#socket = new Socket({ fd, readable: true, writable: false, onread } as object)
    // At 'end' at the latest: right after it the socket closes the descriptor, whose number may then mean another file.
    this.#socket.on('end', () => this.#close())
    this.#socket.on('error', () => this.#close())
    this.#socket.on('close', () => this.#close())
    this.#socket.resume()
  }

  /** Whether the descriptor is still this reader's. */
  get open(): boolean {
    return this.#open
  }

  readonly #onRead = (bytes: number, buffer: Uint8Array): boolean => {
    if (this.#open) this.#onChunk(buffer.subarray(0, bytes))
    return true
  }

  /**
   * Reads what is in the pipe at this moment, then closes it. Whatever the writer wrote before it ended is read; of another
   * that still writes no more than the pipe can hold, since it might never come to an end.
   */
  finish(): void {
    let left = this.#open ? (pipeCapacity(this.#fd) ?? 0) : 0
    try {
      while (this.#open && left > 0) {
        const bytes = this.#readNow(left)
        if (bytes === 0) break
        left -= bytes
        this.#onChunk(this.#buffer.subarray(0, bytes))
      }
    } finally {
      this.#close()
    }
  }

  /** Bytes read without waiting, at most `most`; 0 at the end of the pipe or when it is empty. */
  #readNow(most: number): number {
    try {
      return readSync(this.#fd, this.#buffer, 0, Math.min(chunkBytes, most), null)
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') return 0
      throw error
    }
  }

  #close(): void {
    if (!this.#open) return
    this.#open = false
    this.#socket.destroy()
  }
}

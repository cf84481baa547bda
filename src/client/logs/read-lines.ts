import type { FileHandle } from 'node:fs/promises'

const newline = 0x0a
const chunkBytes = 64 * 1024

/**
 * Reads a file that grows: each `drain()` gives the whole lines that came since the last one, without their newlines. The
 * buffers are valid until the next one is asked for.
 */
export class LineReader {
  readonly handle: FileHandle
  #position: number
  #rest: Buffer = Buffer.alloc(0)

  /** Reads from `position` (bytes), which must be the start of a line. */
  constructor(handle: FileHandle, position: number) {
    this.handle = handle
    this.#position = position
  }

  async *drain(): AsyncGenerator<Buffer, void, undefined> {
    if (this.#position > (await this.handle.stat()).size) this.#startOver()
    const chunk = Buffer.allocUnsafe(chunkBytes)
    for (;;) {
      const { bytesRead } = await this.handle.read(chunk, 0, chunkBytes, this.#position)
      if (bytesRead === 0) return
      this.#position += bytesRead
      const text = Buffer.concat([this.#rest, chunk.subarray(0, bytesRead)])
      let from = 0
      for (let end = text.indexOf(newline); end !== -1; end = text.indexOf(newline, from)) {
        yield text.subarray(from, end)
        from = end + 1
      }
      this.#rest = text.subarray(from)
    }
  }

  /** Somebody cut the file (copy and truncate). */
  #startOver(): void {
    this.#position = 0
    this.#rest = Buffer.alloc(0)
  }
}

/** A frame: its header, and as many bytes after it as the header says. */
export interface FrameShape {
  readonly headerBytes: number
  /** Where in the header the length of what follows is, as a big-endian 32-bit number. */
  readonly lengthAt: number
  /** The longest body that is taken. */
  readonly maxBody: number
}

/** Puts frames together again out of the pieces in which a stream delivers them. */
export class FrameReader {
  readonly #shape: FrameShape
  readonly #onFrame: (header: Buffer, body: Buffer) => void
  #pieces: Buffer[] = []
  #bytes = 0

  constructor(shape: FrameShape, onFrame: (header: Buffer, body: Buffer) => void) {
    this.#shape = shape
    this.#onFrame = onFrame
  }

  /** Throws for a frame that is too long: the stream makes no sense from there on. */
  push(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    const { headerBytes, lengthAt, maxBody } = this.#shape
    while (this.#bytes >= headerBytes) {
      const header = this.#peek(headerBytes)
      const length = header.readUInt32BE(lengthAt)
      if (length > maxBody) throw new Error(`a frame of ${length} bytes, where at most ${maxBody} are allowed`)
      if (this.#bytes < headerBytes + length) return
      const whole = this.#take(headerBytes + length)
      this.#onFrame(whole.subarray(0, headerBytes), whole.subarray(headerBytes))
    }
  }

  /** The first bytes, without taking them. */
  #peek(count: number): Buffer {
    const [first] = this.#pieces
    if (first && first.length >= count) return first.subarray(0, count)
    this.#join()
    return (this.#pieces[0] as Buffer).subarray(0, count)
  }

  #take(count: number): Buffer {
    if ((this.#pieces[0] as Buffer).length < count) this.#join()
    const first = this.#pieces[0] as Buffer
    this.#bytes -= count
    if (first.length === count) this.#pieces.shift()
    else this.#pieces[0] = first.subarray(count)
    return first.subarray(0, count)
  }

  #join(): void {
    this.#pieces = [Buffer.concat(this.#pieces)]
  }
}

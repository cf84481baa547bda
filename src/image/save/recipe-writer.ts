import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { constants as zlib, zstdCompressSync } from 'node:zlib'
import type { TarCopy } from '../unpack/tar-reader.ts'
import { blockSize, fileMark } from './recipe-format.ts'

/** A layer whose recipe grows larger than this has none: it is all names, or made to fill the disk. Bytes. */
const maxRecipe = 512 * 1024 * 1024

const fast = { params: { [zlib.ZSTD_c_compressionLevel]: 1 } }

/** Writes the recipe of a layer's tar (recipe-format.ts) while it is unpacked. Synchronous; throws errors of writing. */
export class RecipeWriter implements TarCopy {
  readonly #path: string
  readonly #storing: () => string | undefined
  #fd: number | undefined
  readonly #block = Buffer.allocUnsafeSlow(2 * blockSize)
  #fill = 0
  /** Where the header of the last record is in the block, while it is of bytes and can grow. */
  #open: number | undefined
  #piece: { readonly path: string; readonly position: number; length: number } | undefined
  #bytes = 0

  /** `path` is that of the new file; `storing` answers the path of the file that the data is being written to, if any. */
  constructor(path: string, storing: () => string | undefined) {
    this.#path = path
    this.#storing = storing
    this.#fd = openSync(path, 'w', 0o600)
  }

  literal(bytes: Buffer): void {
    this.#endPiece()
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, blockSize / 2)
      this.#append(bytes.subarray(at, at + count))
      at += count
    }
  }

  data(bytes: Buffer, position: number): void {
    const path = this.#storing()
    if (path === undefined) return this.literal(bytes)
    const piece = this.#piece
    if (piece?.path === path && piece.position + piece.length === position) piece.length += bytes.length
    else {
      this.#endPiece()
      this.#piece = { path, position, length: bytes.length }
    }
  }

  /** The tar has ended. Answers the size of the file; 0 when the recipe became too large and there is none. */
  finish(): number {
    this.#endPiece()
    this.#flush()
    this.close()
    return this.#bytes
  }

  /** Closes the file; safe to call at any time. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #append(bytes: Buffer): void {
    if (this.#open === undefined) {
      this.#open = this.#fill
      this.#fill = this.#block.writeUInt32LE(0, this.#fill)
    }
    this.#fill += bytes.copy(this.#block, this.#fill)
    this.#block.writeUInt32LE(this.#fill - this.#open - 4, this.#open)
    if (this.#fill >= blockSize) this.#flush()
  }

  #endPiece(): void {
    const piece = this.#piece
    if (!piece) return
    this.#piece = undefined
    this.#open = undefined
    const path = Buffer.from(piece.path, 'latin1')
    this.#fill = this.#block.writeUInt32LE((fileMark | path.length) >>> 0, this.#fill)
    this.#fill += path.copy(this.#block, this.#fill)
    this.#fill = this.#block.writeDoubleLE(piece.position, this.#fill)
    this.#fill = this.#block.writeDoubleLE(piece.length, this.#fill)
    if (this.#fill >= blockSize) this.#flush()
  }

  #flush(): void {
    const packed = zstdCompressSync(this.#block.subarray(0, this.#fill), fast)
    this.#fill = 0
    this.#open = undefined
    if (this.#fd === undefined) return
    const length = Buffer.alloc(4)
    length.writeUInt32LE(packed.length)
    for (const bytes of [length, packed]) {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at)
    }
    this.#bytes += 4 + packed.length
    if (this.#bytes <= maxRecipe) return
    this.close()
    unlinkSync(this.#path)
    this.#bytes = 0
  }
}

/**
 * A recipe says how to write the tar of an unpacked layer again, byte for byte: what the archive had besides the content of
 * files, and which files of the layer's folder come between. It is written while the layer is unpacked, and read by `berth save`.
 *
 * The file is a row of blocks: the length of the block as 32 bits (little-endian), then that many bytes of zstd, which hold
 * whole records. A record starts with 32 bits. With the highest bit clear they are the length of the bytes that follow and
 * belong to the tar as they are. With it set, the rest is the length of a path (latin1, below the folder) that follows, after
 * which come position and length of a piece of that file, each as a 64-bit float.
 */

/** The bit that marks a piece of a file. */
export const fileMark = 0x8000_0000

/** A block is written when it has at least so many bytes before compression; it never has more than twice as many. */
export const blockSize = 256 * 1024

export type RecipeRecord =
  | { readonly literal: Buffer }
  | { readonly path: string; readonly position: number; readonly length: number }

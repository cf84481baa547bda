import { closeSync, openSync, readSync } from 'node:fs'
import { zstdDecompressSync } from 'node:zlib'
import { blockSize, fileMark, type RecipeRecord } from './recipe-format.ts'

/** The records of a recipe in their order; what they hold is good until the next. Throws when it cannot be read. */
export function* readRecipe(path: string): Generator<RecipeRecord> {
  for (const block of blocksOf(path)) {
    for (let at = 0; at < block.length; ) {
      const mark = block.readUInt32LE(at)
      const length = mark & ~fileMark
      const from = at + 4
      const isFile = mark >= fileMark
      at = from + length + (isFile ? 16 : 0)
      if (at > block.length) throw new Error(`${path} is damaged`)
      if (!isFile) yield { literal: block.subarray(from, at) }
      else {
        const end = from + length
        const name = block.toString('latin1', from, end)
        yield { path: name, position: block.readDoubleLE(end), length: block.readDoubleLE(end + 8) }
      }
    }
  }
}

/** How long the tar is that a recipe makes, in bytes. */
export function tarSize(path: string): number {
  let size = 0
  for (const record of readRecipe(path)) size += 'literal' in record ? record.literal.length : record.length
  return size
}

function* blocksOf(path: string): Generator<Buffer> {
  const fd = openSync(path, 'r')
  const length = Buffer.alloc(4)
  try {
    while (readSync(fd, length) > 0) {
      const packed = Buffer.alloc(length.readUInt32LE())
      if (packed.length > 4 * blockSize || readSync(fd, packed) < packed.length) throw new Error(`${path} is damaged`)
      yield zstdDecompressSync(packed, { maxOutputLength: 2 * blockSize })
    }
  } finally {
    closeSync(fd)
  }
}

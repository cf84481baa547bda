import { createHash } from 'node:crypto'
import { closeSync, readSync } from 'node:fs'
import { errnoOf } from '../../lib/errors.ts'
import { openFileInRoot } from '../../linux/open-in-root.ts'
import { readRecipe } from './recipe-reader.ts'

/** An unpacked layer with its recipe. */
export interface SavedLayer {
  readonly diffId: string
  readonly folder: string
  readonly recipe: string
}

/** Bytes. */
const pieceSize = 256 * 1024

/** The tar of a layer as it once came, checked: throws at the end, or before, when it does not have its digest any more. */
export function* layerTar({ diffId, folder, recipe }: SavedLayer): Generator<Buffer> {
  const algorithm = diffId.split(':')[0] as string
  const hash = createHash(algorithm)
  const changed = (why: string) =>
    new Error(
      `layer ${diffId} cannot be made again as it came (${why}): its files have changed on the disk, or one entry of its tar ` +
        'replaced the file of another; remove the image and pull it again, or save it elsewhere',
    )
  for (const record of readRecipe(recipe)) {
    if ('literal' in record) {
      hash.update(record.literal)
      // The record's bytes are used again.
      yield Buffer.from(record.literal)
      continue
    }
    try {
      for (const piece of readPiece(folder, record)) {
        hash.update(piece)
        yield piece
      }
    } catch (error) {
      throw changed(errnoOf(error) ?? String(error))
    }
  }
  const digest = `${algorithm}:${hash.digest('hex')}`
  if (digest !== diffId) throw changed(`its digest is ${digest}`)
}

/** A piece of a file of the layer. Links are never followed out of it, whatever the layer made of its folders. */
function* readPiece(folder: string, piece: { path: string; position: number; length: number }): Generator<Buffer> {
  const fd = openFileInRoot(folder, Buffer.from(piece.path, 'latin1'))
  try {
    for (let done = 0; done < piece.length; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(pieceSize, piece.length - done))
      const count = readSync(fd, buffer, 0, buffer.length, piece.position + done)
      if (count === 0) throw new Error(`${piece.path} is too short`)
      done += count
      yield buffer.subarray(0, count)
    }
  } finally {
    closeSync(fd)
  }
}

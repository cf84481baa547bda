import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { messageOf } from '../../lib/errors.ts'
import { faultPoint } from '../../lib/fault-point.ts'
import { RecipeWriter } from '../save/recipe-writer.ts'
import { decompress } from './decompress.ts'
import type { GrowingFile } from './growing-file.ts'
import { HashedBlob } from './hashed-blob.ts'
import { type LayerLimits, type LayerUsage, LayerWriter } from './layer-writer.ts'
import { PieceRing } from './piece-ring.ts'
import { type FileTask, storeFile } from './store-file.ts'
import { TarReader } from './tar-reader.ts'

export interface TarTask {
  /** The compressed layer. */
  readonly blob: GrowingFile
  /** How large the blob will be by its descriptor, in bytes. */
  readonly expectedBytes: number
  /** An absolute path that does not exist yet; its parent does. */
  readonly target: string
  /** The algorithms that the blob's digest and the diff-id are made with. */
  readonly blobAlgorithm: string
  readonly diffAlgorithm: string
  readonly limits: LayerLimits
  /** A file to be written: how to make the tar again (save/recipe-format.ts). Of no use when unpacking failed. */
  readonly recipe: string
}

export type UnpackTask = TarTask | FileTask

export interface UnpackResult {
  /** The digest of the bytes of the blob, `sha256:…`; '' when not all of it was read. */
  readonly blobDigest: string
  readonly blobBytes: number
  /** Absent when unpacking failed. */
  readonly unpacked?: Unpacked
  /** Why unpacking failed. The blob was read to its end all the same, unless the disk is full. */
  readonly failure?: Failure
}

interface Unpacked {
  /** The digest of the tar; '' for a file, which is as its blob. */
  readonly diffId: string
  readonly usage: LayerUsage
  readonly impliedFolders: readonly string[]
  /** The size of the recipe; 0 when there is none, or it would have been too large. */
  readonly recipeBytes: number
}

interface Failure {
  readonly message: string
  readonly code?: string
}

/**
 * Unpacks a layer, or keeps it as a file, in one pass, while it is still being downloaded. This thread hashes and writes; it
 * also decompresses, unless another does that into `ring`. The blob is read to its end whatever comes out of it: a wrong digest
 * explains more than a broken tar. Throws only an AbandonedError and errors of reading the blob; the target may then be
 * half-written.
 */
export async function unpackLayer(task: UnpackTask, ring?: SharedArrayBuffer): Promise<UnpackResult> {
  const blob = new HashedBlob(task.blob, task.blobAlgorithm)
  const pieces = () => (ring ? piecesOf(new PieceRing(ring), blob) : decompress(() => blob.next()))
  try {
    const outcome = await ('path' in task ? keep(task, blob) : extract(task, pieces())).then(
      (unpacked) => ({ unpacked }),
      (error: unknown) => {
        blob.throwIfFailed()
        return { failure: describe(error) }
      },
    )
    // Nothing that could still come would help.
    if ('failure' in outcome && isFull(outcome.failure)) return { blobDigest: '', blobBytes: 0, ...outcome }
    return { ...(await blob.finish()), ...outcome }
  } finally {
    blob.close()
  }
}

async function keep(task: FileTask, blob: HashedBlob): Promise<Unpacked> {
  return { diffId: '', usage: await storeFile(task, blob), impliedFolders: [], recipeBytes: 0 }
}

/** What comes out of the ring; the blob is hashed when nothing does. */
async function* piecesOf(ring: PieceRing, blob: HashedBlob): AsyncGenerator<Buffer> {
  for (;;) {
    const piece = ring.now()
    if (piece) yield piece
    else if (ring.ended) break
    else if (!blob.now()) await ring.change()
  }
  if (ring.failure === undefined) return
  // The other thread may have been the first to see that the layer is not wanted any more.
  blob.now()
  throw new Error(ring.failure)
}

async function extract(
  { target, limits, diffAlgorithm, recipe: path }: TarTask,
  pieces: AsyncIterable<Buffer>,
): Promise<Unpacked> {
  const hash = createHash(diffAlgorithm)
  let writer: LayerWriter | undefined
  let recipe: RecipeWriter | undefined
  try {
    mkdirSync(target)
    // Whatever the umask.
    chmodSync(target, 0o755)
    faultPoint('unpack:begun')
    const layer = new LayerWriter(target, limits)
    writer = layer
    recipe = new RecipeWriter(path, () => layer.storing)
    const tar = new TarReader(layer, recipe)
    for await (const piece of pieces) {
      hash.update(piece)
      tar.push(piece)
    }
    tar.finish()
    faultPoint('unpack:written')
    return { diffId: `${diffAlgorithm}:${hash.digest('hex')}`, recipeBytes: recipe.finish(), ...layer.finish() }
  } finally {
    writer?.close()
    recipe?.close()
  }
}

function isFull({ code }: Failure): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function describe(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { message: messageOf(error), ...(code === undefined ? {} : { code }) }
}

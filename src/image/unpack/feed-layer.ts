import { createHash } from 'node:crypto'
import { messageOf } from '../../lib/errors.ts'
import { type ChunkRing, ChunkRingWriter, UnwantedError } from './chunk-ring.ts'
import { type Decompress, decompressorFor, detectCompression } from './decompress.ts'
import { type GrowingFile, readGrowingFile } from './growing-file.ts'

export interface FeedTask {
  /** The compressed layer. */
  readonly blob: GrowingFile
  /** Where its tar goes. */
  readonly ring: ChunkRing
  /** The algorithm that the blob's digest is made with. */
  readonly blobAlgorithm: string
  /** The path of igzip, which is twice as fast as zlib, when it is there. */
  readonly igzip?: string
}

export interface FeedResult {
  /** The digest of the bytes of the blob, `sha256:…`. */
  readonly blobDigest: string
  readonly blobBytes: number
  /** All of the tar went into the ring. */
  readonly complete: boolean
  /** Why it could not be decompressed. */
  readonly failure?: string
}

/**
 * Reads a layer while it is still being downloaded: hashes it, and decompresses it into the ring. The blob is read to its
 * end whatever comes out of it: a wrong digest explains more than a broken tar. Throws an AbandonedError, and
 * errors of reading the blob.
 */
export async function feedLayer(task: FeedTask): Promise<FeedResult> {
  const blobHash = createHash(task.blobAlgorithm)
  const ring = new ChunkRingWriter(task.ring)
  const chunks = readGrowingFile(task.blob)
  let blobBytes = 0
  let broken: { readonly error: unknown } | undefined
  const next = async (): Promise<Buffer | undefined> => {
    try {
      const { value, done } = await chunks.next()
      if (done) return undefined
      blobHash.update(value)
      blobBytes += value.length
      return value
    } catch (error) {
      broken = { error }
      throw error
    }
  }
  let outcome: Pick<FeedResult, 'complete' | 'failure'> = { complete: false }
  try {
    const first = await next()
    const decompress: Decompress = decompressorFor(detectCompression(first ?? Buffer.alloc(0)), task.igzip)
    await decompress({ first, next, ring })
    outcome = { complete: true }
  } catch (error) {
    if (broken) throw broken.error
    if (!(error instanceof UnwantedError)) outcome = { complete: false, failure: messageOf(error) }
    while (await next()) {
      // Hashed on the way.
    }
  } finally {
    ring.end()
    await chunks.return(undefined)
  }
  return { blobDigest: `${task.blobAlgorithm}:${blobHash.digest('hex')}`, blobBytes, ...outcome }
}

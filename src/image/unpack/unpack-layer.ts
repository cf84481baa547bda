import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { faultPoint } from '../../lib/fault-point.ts'
import { ChunkRingReader, createChunkRing } from './chunk-ring.ts'
import { type FeedResult, type FeedTask, feedLayer } from './feed-layer.ts'
import { abandonReading, type GrowingFile } from './growing-file.ts'
import { type LayerLimits, type LayerUsage, LayerWriter } from './layer-writer.ts'
import { TarReader } from './tar-reader.ts'

export interface UnpackTask {
  /** The compressed layer. */
  readonly blob: GrowingFile
  /** An absolute path that does not exist yet; its parent does. */
  readonly target: string
  /** The algorithms that the blob's digest and the diff-id are made with. */
  readonly blobAlgorithm: string
  readonly diffAlgorithm: string
  readonly limits: LayerLimits
  /** The path of igzip, when it is there. */
  readonly igzip?: string
}

export interface UnpackResult {
  /** The digest of the bytes of the blob, `sha256:…`. */
  readonly blobDigest: string
  readonly blobBytes: number
  /** Absent when unpacking failed. */
  readonly unpacked?: {
    readonly diffId: string
    readonly usage: LayerUsage
    readonly impliedFolders: readonly string[]
  }
  /** Why unpacking failed. The blob was read to its end all the same, unless the disk is full. */
  readonly failure?: Failure
}

interface Failure {
  readonly message: string
  readonly code?: string
}

/**
 * Unpacks a layer in one pass, while it is still being downloaded. Reading and decompressing is `feed`'s, which may well
 * be another thread; the files are written here. Throws only an AbandonedError and errors of reading the blob;
 * the target may then be half-written.
 */
export async function unpackLayer(
  task: UnpackTask,
  feed: (task: FeedTask) => Promise<FeedResult> = feedLayer,
): Promise<UnpackResult> {
  const ring = createChunkRing()
  const reader = new ChunkRingReader(ring)
  const diffHash = createHash(task.diffAlgorithm)
  const { blob, blobAlgorithm, igzip } = task
  const feeding = feed({ blob, ring, blobAlgorithm, ...(igzip === undefined ? {} : { igzip }) })
  const onEnd = () => reader.end()
  feeding.then(onEnd, onEnd)
  let extraction: Extraction | undefined
  let failure: Failure | undefined
  try {
    for (let chunk = await reader.next(); chunk; chunk = await reader.next()) {
      try {
        diffHash.update(chunk)
        extraction ??= startExtraction(task)
        extraction.tar.push(chunk)
      } catch (error) {
        failure = describe(error)
        reader.refuse()
        // Nothing that could still come would help.
        if (isFull(failure)) abandonReading(blob)
        break
      }
      reader.release()
    }
    const { blobDigest, blobBytes, complete, ...fed } = await feeding.catch((error) => {
      if (failure && isFull(failure)) return { blobDigest: '', blobBytes: 0, complete: false } as FeedResult
      throw error
    })
    failure ??= fed.failure === undefined ? undefined : { message: fed.failure }
    if (failure || !complete) return { blobDigest, blobBytes, ...(failure ? { failure } : {}) }
    try {
      const diffId = `${task.diffAlgorithm}:${diffHash.digest('hex')}`
      extraction ??= startExtraction(task)
      extraction.tar.finish()
      faultPoint('unpack:written')
      return { blobDigest, blobBytes, unpacked: { diffId, ...extraction.writer.finish() } }
    } catch (error) {
      return { blobDigest, blobBytes, failure: describe(error) }
    }
  } finally {
    extraction?.writer.close()
  }
}

interface Extraction {
  readonly tar: TarReader
  readonly writer: LayerWriter
}

function startExtraction({ target, limits }: UnpackTask): Extraction {
  mkdirSync(target)
  // Whatever the umask.
  chmodSync(target, 0o755)
  faultPoint('unpack:begun')
  const writer = new LayerWriter(target, limits)
  return { writer, tar: new TarReader(writer) }
}

function isFull({ code }: Failure): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function describe(error: unknown): Failure {
  if (!(error instanceof Error)) return { message: String(error) }
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { message: `${error.message}${cause}`, ...(code === undefined ? {} : { code }) }
}

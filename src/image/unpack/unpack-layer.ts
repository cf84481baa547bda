import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { createDecompressor, detectCompression } from './decompress.ts'
import { AbandonedError, type GrowingFile, readGrowingFile } from './growing-file.ts'
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
  /** Why unpacking failed. The blob was read to its end all the same: a wrong digest explains more than a broken tar. */
  readonly failure?: { readonly message: string; readonly code?: string }
}

/**
 * Hashes, decompresses, hashes and extracts a layer in one pass, while it is still being downloaded. Throws only
 * {@link AbandonedError} and errors of reading the blob; the target may then be half-written.
 */
export async function unpackLayer(task: UnpackTask): Promise<UnpackResult> {
  const blobHash = createHash(task.blobAlgorithm)
  let blobBytes = 0
  let extraction: Extraction | undefined
  let failure: UnpackResult['failure']
  try {
    for await (const chunk of readGrowingFile(task.blob)) {
      blobHash.update(chunk)
      blobBytes += chunk.length
      if (failure) continue
      try {
        extraction ??= startExtraction(task, chunk)
        await extraction.write(chunk)
      } catch (error) {
        failure = describe(error)
        // Nothing that could still come would help.
        if (failure.code === 'ENOSPC' || failure.code === 'EDQUOT') break
      }
    }
    const blobDigest = `${task.blobAlgorithm}:${blobHash.digest('hex')}`
    if (failure) return { blobDigest, blobBytes, failure }
    try {
      extraction ??= startExtraction(task, Buffer.alloc(0))
      return { blobDigest, blobBytes, unpacked: await extraction.finish() }
    } catch (error) {
      return { blobDigest, blobBytes, failure: describe(error) }
    }
  } finally {
    extraction?.destroy()
  }
}

interface Extraction {
  write(chunk: Buffer): Promise<void>
  finish(): Promise<NonNullable<UnpackResult['unpacked']>>
  destroy(): void
}

function startExtraction(task: UnpackTask, start: Buffer): Extraction {
  mkdirSync(task.target)
  // Whatever the umask.
  chmodSync(task.target, 0o755)
  const writer = new LayerWriter(task.target, task.limits)
  const reader = new TarReader(writer)
  const diffHash = createHash(task.diffAlgorithm)
  const take = (chunk: Buffer) => {
    diffHash.update(chunk)
    reader.push(chunk)
  }
  const result = () => {
    reader.finish()
    return { diffId: `${task.diffAlgorithm}:${diffHash.digest('hex')}`, ...writer.finish() }
  }
  const decompressor = createDecompressor(detectCompression(start))
  if (!decompressor) {
    return {
      write: async (chunk) => take(chunk),
      finish: async () => result(),
      destroy: () => writer.close(),
    }
  }
  decompressor.on('data', (chunk: Buffer) => {
    try {
      take(chunk)
    } catch (error) {
      decompressor.destroy(error as Error)
    }
  })
  const ended = once(decompressor, 'end')
  const failed = new Promise<never>((_, reject) => decompressor.once('error', reject))
  ended.catch(() => {})
  failed.catch(() => {})
  return {
    async write(chunk) {
      if (decompressor.destroyed) await failed
      if (!decompressor.write(chunk)) await Promise.race([once(decompressor, 'drain'), failed])
    },
    async finish() {
      decompressor.end()
      await Promise.race([ended, failed])
      return result()
    },
    destroy() {
      decompressor.destroy()
      writer.close()
    },
  }
}

function describe(error: unknown): NonNullable<UnpackResult['failure']> {
  if (error instanceof AbandonedError) throw error
  if (!(error instanceof Error)) return { message: String(error) }
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return { message: `${error.message}${cause}`, ...(code === undefined ? {} : { code }) }
}

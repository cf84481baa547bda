import type { Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { type ChunkRingWriter, slotSize } from './chunk-ring.ts'
import { igunzip } from './igzip.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** How a layer is compressed, by its first bytes: media types are often wrong, and Docker and containerd look here too. */
export function detectCompression(start: Buffer): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip'
  // RFC 8878: a frame, or a skippable frame.
  if (start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528) return 'zstd'
  if (start.length >= 4 && (start.readUInt32LE(0) & 0xffff_fff0) >>> 0 === 0x184d2a50) return 'zstd'
  return 'none'
}

export interface Decompression {
  /** What was read already; undefined for an empty layer. */
  readonly first: Buffer | undefined
  /** What comes next, good until the next call; undefined at the end. */
  readonly next: () => Promise<Buffer | undefined>
  readonly ring: ChunkRingWriter
}

/** Decompresses everything into the ring. Throws when the input is broken, and what `next` and the ring throw. */
export type Decompress = (work: Decompression) => Promise<void>

/** `igzip` is the path of that program, if it is there. */
export function decompressorFor(compression: Compression, igzip: string | undefined): Decompress {
  if (compression === 'none') return copy
  if (compression === 'gzip' && igzip !== undefined) return igunzip(igzip)
  return (work) => transform(work, createDecompressor(compression) as Transform)
}

/** The decompressor, or undefined when there is nothing to decompress. It works on a thread of libuv's pool. */
export function createDecompressor(compression: Compression): Transform | undefined {
  // A piece is decompressed while the one before it is used.
  const options = { chunkSize: slotSize, readableHighWaterMark: 2 * slotSize }
  if (compression === 'gzip') return createGunzip(options)
  if (compression === 'zstd') return createZstdDecompress(options)
  return undefined
}

async function copy({ first, next, ring }: Decompression): Promise<void> {
  for (let chunk = first; chunk; chunk = await next()) {
    await ring.write(chunk)
  }
}

async function transform({ first, next, ring }: Decompression, stream: Transform): Promise<void> {
  const writing = (async () => {
    for (let chunk = first; chunk; chunk = await next()) await written(stream, chunk)
    stream.end()
  })()
  writing.catch((error) => stream.destroy(error))
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      await ring.write(chunk)
    }
  } finally {
    stream.destroy()
    // Nobody reads from `next` any more when this is over.
    await writing.catch(() => {})
  }
}

/** Resolves when the stream is done with the chunk. A stream that fails over it only closes, and calls nobody back. */
function written(stream: Transform, chunk: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onClose = () => reject(new Error('the decompressor has ended'))
  stream.once('close', onClose)
  stream.write(chunk, (error) => {
    stream.off('close', onClose)
    if (error) reject(error)
    else resolve()
  })
  return promise
}

import type { Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { GzipInflater } from '../../linux/gzip-inflater.ts'
import { pieceSize } from './piece-ring.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** How a layer is compressed, by its first bytes: media types are often wrong, and Docker and containerd look here too. */
export function detectCompression(start: Buffer): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip'
  // RFC 8878: a frame, or a skippable frame.
  if (start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528) return 'zstd'
  if (start.length >= 4 && (start.readUInt32LE(0) & 0xffff_fff0) >>> 0 === 0x184d2a50) return 'zstd'
  return 'none'
}

/** The next piece of the input, good until the next call; undefined at the end. */
export type NextPiece = () => Promise<Buffer | undefined>

/** Where the next piece may be written; it is the decompressor's until that has come. */
export type NextRoom = () => Buffer | Promise<Buffer>

/**
 * Decompresses what comes, by its first bytes. Each piece is good until the next is asked for; some are in the room that they
 * were given, some elsewhere. Throws when the input is broken, and what `next` and `room` throw; neither is called any more
 * once this has ended.
 */
export async function* decompress(next: NextPiece, room: NextRoom = oneRoom()): AsyncGenerator<Buffer> {
  const first = await startOf(next)
  if (first.length === 0) return
  let isFirst = true
  const all: NextPiece = async () => {
    if (!isFirst) return await next()
    isFirst = false
    return first
  }
  const compression = detectCompression(first)
  const inflater = compression === 'gzip' ? GzipInflater.open() : undefined
  if (inflater) return yield* inflated(all, inflater, room)
  const stream = createDecompressor(compression)
  yield* stream ? transformed(all, stream) : untilEnd(all)
}

function oneRoom(): NextRoom {
  let room: Buffer | undefined
  return () => {
    room ??= Buffer.allocUnsafeSlow(pieceSize)
    return room
  }
}

async function* untilEnd(next: NextPiece): AsyncGenerator<Buffer> {
  for (let piece = await next(); piece; piece = await next()) yield piece
}

/** At least as many bytes as it takes to tell the compression, if there are so many. */
async function startOf(next: NextPiece): Promise<Buffer> {
  const first = (await next()) ?? Buffer.alloc(0)
  if (first.length >= 4 || first.length === 0) return first
  let start: Buffer = Buffer.from(first)
  for (let piece = await next(); piece; piece = await next()) {
    start = Buffer.concat([start, piece])
    if (start.length >= 4) break
  }
  return start
}

/** The decompressor as a stream, or undefined when there is nothing to decompress. It works on a thread of libuv's pool. */
export function createDecompressor(compression: Compression): Transform | undefined {
  // A piece is decompressed while the one before it is used.
  const options = { chunkSize: pieceSize, readableHighWaterMark: 2 * pieceSize }
  if (compression === 'gzip') return createGunzip(options)
  if (compression === 'zstd') return createZstdDecompress(options)
  return undefined
}

/** What follows the last member and is none is passed over, as gzip(1) does. */
async function* inflated(next: NextPiece, inflater: GzipInflater, room: NextRoom): AsyncGenerator<Buffer> {
  let input: Buffer = (await next()) ?? Buffer.alloc(0)
  // It may hold more than there was room for, also of input that was read to its end.
  let holdsMore = false
  for (;;) {
    if (input.length === 0 && !holdsMore) {
      if (inflater.ended) return
      throw new Error('the gzip data is cut off')
    }
    if (inflater.ended) {
      if (input[0] !== 0x1f) return
      inflater.restart()
    }
    const output = await room()
    const { read, written } = inflater.inflate(input, output)
    if (written > 0) yield output.subarray(0, written)
    input = input.subarray(read)
    holdsMore = written === output.length && !inflater.ended
    if (input.length === 0 && !holdsMore) input = (await next()) ?? input
  }
}

async function* transformed(next: NextPiece, stream: Transform): AsyncGenerator<Buffer> {
  const writing = (async () => {
    for (let piece = await next(); piece; piece = await next()) await written(stream, piece)
    stream.end()
  })()
  writing.catch((error) => stream.destroy(error))
  try {
    yield* stream as AsyncIterable<Buffer>
  } finally {
    stream.destroy()
    // Nobody reads from `next` any more when this is over.
    await writing.catch(() => {})
  }
}

/** Resolves when the stream is done with the piece. A stream that fails over it only closes, and calls nobody back. */
function written(stream: Transform, piece: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onClose = () => reject(new Error('the decompressor has ended'))
  stream.once('close', onClose)
  stream.write(piece, (error) => {
    stream.off('close', onClose)
    if (error) reject(error)
    else resolve()
  })
  return promise
}

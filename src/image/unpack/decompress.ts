import type { Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { GzipInflater } from '../../linux/gzip-inflater.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** What decompressed pieces have at most, in bytes. */
const pieceSize = 512 * 1024

/** So many pieces are made before they are asked for: some take long to use (many small files), others no time. */
const piecesAhead = 8

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

/**
 * Decompresses what comes, by its first bytes. Each piece is good until the next is asked for; those after it are
 * decompressed meanwhile, on a thread of libuv's pool, as often as the event loop of this thread gets its turn. Throws when the input is broken, and what `next` throws; `next` is not
 * called any more once this has ended.
 */
export async function* decompress(next: NextPiece): AsyncGenerator<Buffer> {
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
  if (inflater) yield* inflated(all, inflater)
  else if (compression === 'none') for (let piece = await all(); piece; piece = await all()) yield piece
  else yield* transformed(all, createDecompressor(compression) as Transform)
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
async function* inflated(next: NextPiece, inflater: GzipInflater): AsyncGenerator<Buffer> {
  let input: Buffer = (await next()) ?? Buffer.alloc(0)
  // It may hold more than there was room for, also of input that was read to its end.
  let holdsMore = false
  const step = async (output: Buffer): Promise<Buffer | undefined> => {
    for (;;) {
      if (input.length === 0 && !holdsMore) {
        if (inflater.ended) return undefined
        throw new Error('the gzip data is cut off')
      }
      if (inflater.ended) {
        if (input[0] !== 0x1f) return undefined
        inflater.restart()
      }
      const { read, written } = await inflater.inflate(input, output)
      input = input.subarray(read)
      holdsMore = written === output.length && !inflater.ended
      // Already now: the next step has to begin at once, before this thread is busy with the result of this one.
      if (input.length === 0 && !holdsMore) input = (await next()) ?? input
      if (written > 0) return output.subarray(0, written)
    }
  }
  yield* madeAhead(step)
}

/** The pieces that `make` writes into the buffers that it is given, until it answers undefined; made one after the other. */
async function* madeAhead(make: (buffer: Buffer) => Promise<Buffer | undefined>): AsyncGenerator<Buffer> {
  const free: Buffer[] = Array.from({ length: piecesAhead }, () => Buffer.allocUnsafeSlow(pieceSize))
  const made: { readonly piece: Buffer; readonly buffer: Buffer }[] = []
  let making: Promise<void> | undefined
  let ended = false
  let failure: { readonly error: unknown } | undefined
  const makeNext = () => {
    const buffer = ended || making ? undefined : free.pop()
    if (!buffer) return
    making = make(buffer)
      .then(
        (piece) => {
          if (piece) made.push({ piece, buffer })
          else ended = true
        },
        (error) => {
          failure = { error }
          ended = true
        },
      )
      .finally(() => {
        making = undefined
        makeNext()
      })
  }
  try {
    makeNext()
    for (;;) {
      const next = made.shift()
      if (next) {
        yield next.piece
        free.push(next.buffer)
        makeNext()
      } else if (making) {
        await making
      } else {
        // It is met when what was made before it has been used.
        if (failure) throw failure.error
        return
      }
    }
  } finally {
    ended = true
    await making
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

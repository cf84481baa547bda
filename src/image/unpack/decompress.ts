import type { Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { GzipInflater } from '../../linux/gzip-inflater.ts'
import type { LayersUnderWay } from './layers-under-way.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** What decompressed pieces have at most, in bytes. */
const pieceSize = 1024 * 1024

/** So many pieces are made before they are asked for: some take long to use (many small files), others no time. */
const piecesAhead = 4

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

/** What is done with a piece beside its use, on another thread; the next piece comes when it has resolved. */
export type BesidePiece = (piece: Buffer) => Promise<void>

/**
 * Decompresses what comes, by its first bytes. Each piece is good until the next is asked for; those after it are
 * decompressed meanwhile, on a thread of libuv's pool, as often as the event loop of this thread gets its turn. `beside`
 * gets each piece too, may be ahead of who asks or behind, and has had all when the end is answered. Throws when the input
 * is broken, what `next` throws, and what `beside` throws; neither is called any more once this has ended.
 */
export async function* decompress(
  next: NextPiece,
  beside: BesidePiece,
  underWay: LayersUnderWay,
): AsyncGenerator<Buffer> {
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
  if (inflater) return yield* inflated(all, inflater, beside, underWay)
  const stream = createDecompressor(compression)
  const pieces = stream ? transformed(all, stream) : untilEnd(all)
  for await (const piece of pieces) {
    const done = beside(piece)
    // Its failure is met when the piece has been used.
    done.catch(() => {})
    try {
      yield piece
    } finally {
      await done
    }
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
async function* inflated(
  next: NextPiece,
  inflater: GzipInflater,
  beside: BesidePiece,
  underWay: LayersUnderWay,
): AsyncGenerator<Buffer> {
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
      const { read, written } = underWay.leaveCpus
        ? await inflater.inflate(input, output)
        : inflater.inflateSync(input, output)
      input = input.subarray(read)
      holdsMore = written === output.length && !inflater.ended
      // Already now: the next step has to begin at once, before this thread is busy with the result of this one.
      if (input.length === 0 && !holdsMore) input = (await next()) ?? input
      if (written > 0) return output.subarray(0, written)
    }
  }
  yield* madeAhead(step, beside, () => (underWay.leaveCpus ? piecesAhead : 1))
}

/** The pieces that `make` writes into the buffers that it is given, until it answers undefined; made one after the other. */
async function* madeAhead(
  make: (buffer: Buffer) => Promise<Buffer | undefined>,
  beside: BesidePiece,
  ahead: () => number,
): AsyncGenerator<Buffer> {
  const free: Buffer[] = Array.from({ length: piecesAhead }, () => Buffer.allocUnsafeSlow(pieceSize))
  const made: { readonly piece: Buffer; readonly buffer: Buffer; readonly passed: Promise<void> }[] = []
  let making: Promise<void> | undefined
  /** All that `beside` was to do so far. */
  let passing = Promise.resolve()
  let ended = false
  let failure: { readonly error: unknown } | undefined
  const fail = (error: unknown) => {
    failure ??= { error }
    ended = true
  }
  const makeNext = () => {
    const buffer = ended || making || made.length >= ahead() ? undefined : free.pop()
    if (!buffer) return
    making = make(buffer)
      .then((piece) => {
        if (!piece) {
          ended = true
          return
        }
        passing = passing.then(() => (failure ? undefined : beside(piece))).catch(fail)
        made.push({ piece, buffer, passed: passing })
      }, fail)
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
        void next.passed.then(() => {
          free.push(next.buffer)
          makeNext()
        })
      } else if (making) {
        await making
      } else if (ended) {
        await passing
        // It is met when what was made before it has been used.
        if (failure) throw failure.error
        return
      } else {
        // No buffer is free.
        await passing
      }
    }
  } finally {
    ended = true
    await making
    await passing
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

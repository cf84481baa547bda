import type { Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'

export type Compression = 'gzip' | 'zstd' | 'none'

/** How a layer is compressed, by its first bytes: media types are often wrong, and Docker and containerd look here too. */
export function detectCompression(start: Buffer): Compression {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip'
  // RFC 8878: a frame, or a skippable frame.
  if (start.length >= 4 && start.readUInt32LE(0) === 0xfd2fb528) return 'zstd'
  if (start.length >= 4 && (start.readUInt32LE(0) & 0xffff_fff0) >>> 0 === 0x184d2a50) return 'zstd'
  return 'none'
}

const chunkSize = 256 * 1024

/** The decompressor, or undefined when there is nothing to decompress. It works on a thread of libuv's pool. */
export function createDecompressor(compression: Compression): Transform | undefined {
  if (compression === 'gzip') return createGunzip({ chunkSize })
  if (compression === 'zstd') return createZstdDecompress({ chunkSize })
  return undefined
}

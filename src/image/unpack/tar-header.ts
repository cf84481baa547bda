/** One 512-byte tar header as it stands: ustar, old GNU or v7. Names are latin1 strings, one character a byte. */
export interface TarHeader {
  /** The type flag as a character; NUL counts as `0`. */
  readonly typeflag: string
  readonly name: string
  readonly linkname: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  /** Seconds since the epoch. */
  readonly mtime: number
  readonly devmajor: number
  readonly devminor: number
}

export const blockSize = 512

/**
 * Reads the header at the start of `block`. Answers undefined for a block of zeros (the end of the archive). Throws when
 * the checksum or a number is wrong: then it is no tar, or a damaged one.
 */
export function parseTarHeader(block: Buffer): TarHeader | undefined {
  const sum = checksum(block)
  if (sum === 8 * 0x20) {
    if (isZero(block)) return undefined
  }
  if (sum !== headerNumber(block, 148, 8))
    throw new Error('a tar header has a wrong checksum (not a tar archive, or damaged)')
  const ustar = block.toString('latin1', 257, 263) === 'ustar\0'
  const prefix = ustar ? textAt(block, 345, 155) : ''
  const name = textAt(block, 0, 100)
  const typeflag = String.fromCharCode(block[156] || 0x30)
  return {
    typeflag,
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkname: textAt(block, 157, 100),
    mode: headerNumber(block, 100, 8) & 0o7777,
    uid: headerNumber(block, 108, 8),
    gid: headerNumber(block, 116, 8),
    size: headerNumber(block, 124, 12),
    mtime: headerNumber(block, 136, 12),
    devmajor: typeflag === '3' || typeflag === '4' ? headerNumber(block, 329, 8) : 0,
    devminor: typeflag === '3' || typeflag === '4' ? headerNumber(block, 337, 8) : 0,
  }
}

/** The sum of all bytes, with those of the checksum field itself as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20
  for (let i = 0; i < 148; i++) sum += block[i] as number
  for (let i = 156; i < blockSize; i++) sum += block[i] as number
  return sum
}

function isZero(block: Buffer): boolean {
  for (let i = 148; i < 156; i++) if (block[i] !== 0) return false
  return true
}

function textAt(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at)
  return block.toString('latin1', at, end < 0 || end > at + length ? at + length : end)
}

/** An octal number between optional spaces and NULs, or GNU's base 256 when the first bit is set. */
export function headerNumber(block: Buffer, at: number, length: number): number {
  const first = block[at] as number
  if (first & 0x80) return base256(block, at, length)
  const text = textAt(block, at, length).trim()
  if (text === '') return 0
  if (!/^[0-7]+$/.test(text)) throw new Error('a tar header holds a number that is none')
  return Number.parseInt(text, 8)
}

function base256(block: Buffer, at: number, length: number): number {
  const negative = block[at] === 0xff
  if (!negative && block[at] !== 0x80) throw new Error('a tar header holds a number that is too large')
  let value = 0
  for (let i = at + 1; i < at + length; i++)
    value = value * 256 + (negative ? 0xff - (block[i] as number) : (block[i] as number))
  if (!Number.isSafeInteger(value)) throw new Error('a tar header holds a number that is too large')
  return negative ? -value - 1 : value
}

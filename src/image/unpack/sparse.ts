import { headerNumber } from './tar-header.ts'

/** A piece of a sparse file that the archive holds; what is between the pieces is zeros. Bytes. */
export interface Fragment {
  readonly offset: number
  readonly length: number
}

/** A map may be at most this long, in bytes: it is held in memory. */
const maxMap = 1024 * 1024

/** Reads a sparse file's map out of the blocks that precede its data. */
export interface SparseMapReader {
  /** Takes a block; answers whether the map is complete now. The block is used again afterwards. */
  take(block: Buffer): boolean
  /** The map; throws when it is damaged. */
  fragments(): Fragment[]
}

/** How a sparse file is written (GNU tar manual, "Storing Sparse Files"). */
export interface SparseFile {
  /** With its holes, in bytes. */
  readonly realSize: number
  /** The map when it came with the header, else what reads it from the blocks that follow. */
  readonly map: Fragment[] | SparseMapReader
  /** The blocks of the map are part of what the header calls the size. */
  readonly mapCounts: boolean
}

/** A sparse file by its header's PAX records, formats 0.0, 0.1 and 1.0; undefined when it is none. */
export function paxSparseFile(pax: ReadonlyMap<string, string>): SparseFile | undefined {
  const map = pax.get('GNU.sparse.map')
  if (pax.get('GNU.sparse.major') === '1') {
    return { realSize: numberOf(pax.get('GNU.sparse.realsize')), map: new PaxMapReader(), mapCounts: true }
  }
  if (map === undefined) return undefined
  const numbers = map === '' ? [] : map.split(',').map(numberOf)
  return { realSize: numberOf(pax.get('GNU.sparse.size')), map: pairs(numbers), mapCounts: false }
}

/** A sparse file of the old GNU format, type flag `S`: the map starts in the header and goes on in blocks after it. */
export function gnuSparseFile(header: Buffer): SparseFile {
  const first = gnuFragments(header, 386, 4)
  const map = header[482] === 0 ? first : new GnuMapReader(first)
  return { realSize: headerNumber(header, 483, 12), map, mapCounts: false }
}

/** Throws unless the fragments come in order, lie in the file, and are exactly what the archive holds. */
export function checkFragments(fragments: readonly Fragment[], realSize: number, stored: number): void {
  let end = 0
  let sum = 0
  for (const { offset, length } of fragments) {
    if (offset < end || offset + length > realSize) throw new Error('a sparse file has a map that makes no sense')
    end = offset + length
    sum += length
  }
  if (sum !== stored) throw new Error(`a sparse file's map speaks of ${sum} bytes, the archive has ${stored}`)
}

class GnuMapReader implements SparseMapReader {
  readonly #fragments: Fragment[]

  constructor(first: Fragment[]) {
    this.#fragments = first
  }

  take(block: Buffer): boolean {
    this.#fragments.push(...gnuFragments(block, 0, 21))
    if (this.#fragments.length * 24 > maxMap) throw new Error('the map of a sparse file is too long')
    return block[504] === 0
  }

  fragments(): Fragment[] {
    return this.#fragments
  }
}

/** Decimal numbers, one a line: how many fragments, then offset and length of each; filled up to whole blocks. */
class PaxMapReader implements SparseMapReader {
  #text = ''
  #lines = 0
  #count: number | undefined

  take(block: Buffer): boolean {
    for (const byte of block) if (byte === 0x0a) this.#lines++
    this.#text += block.toString('latin1')
    if (this.#text.length > maxMap) throw new Error('the map of a sparse file is too long')
    if (this.#count === undefined && this.#lines > 0) this.#count = numberOf(this.#text.split('\n', 1)[0])
    return this.#count !== undefined && this.#lines > 2 * this.#count
  }

  fragments(): Fragment[] {
    const numbers = this.#text.split('\n', 1 + 2 * (this.#count ?? 0)).slice(1)
    return pairs(numbers.map(numberOf))
  }
}

function gnuFragments(block: Buffer, at: number, count: number): Fragment[] {
  const fragments: Fragment[] = []
  for (let i = 0; i < count && block[at + i * 24] !== 0; i++) {
    const offset = headerNumber(block, at + i * 24, 12)
    fragments.push({ offset, length: headerNumber(block, at + i * 24 + 12, 12) })
  }
  return fragments
}

function pairs(numbers: readonly number[]): Fragment[] {
  if (numbers.length % 2 !== 0) throw new Error('the map of a sparse file is cut off')
  const fragments: Fragment[] = []
  for (let i = 0; i < numbers.length; i += 2) {
    fragments.push({ offset: numbers[i] as number, length: numbers[i + 1] as number })
  }
  return fragments
}

function numberOf(text: string | undefined): number {
  const value = text !== undefined && /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw new Error('a sparse file has a number that is none')
  return value
}

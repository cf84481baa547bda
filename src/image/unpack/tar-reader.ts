import { parsePaxRecords, parsePaxTime } from './pax.ts'
import { checkFragments, type Fragment, gnuSparseFile, paxSparseFile, type SparseFile } from './sparse.ts'
import { blockSize, parseTarHeader, type TarHeader } from './tar-header.ts'

/** What an entry is; `other` is a kind that means nothing in a layer (and is to be refused or skipped by the reader's user). */
export type TarEntryKind = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo' | 'other'

/** One entry of the archive, with PAX and GNU extensions applied. All names are latin1 strings, one character a byte. */
export interface TarEntry {
  readonly kind: TarEntryKind
  readonly typeflag: string
  readonly name: string
  readonly linkname: string
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** The bytes of the file, with holes; 0 for anything but files. */
  readonly size: number
  /** Has holes: only pieces of it come as data. */
  readonly sparse: boolean
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
  readonly devmajor: number
  readonly devminor: number
  /** Extended attributes by name, values as bytes. */
  readonly xattrs: readonly { readonly name: string; readonly value: Buffer }[]
}

/** Takes what the archive holds, in its order. An error thrown here ends the reading. */
export interface TarSink {
  entry(entry: TarEntry): void
  /** A piece of the data of the entry last given, for this position; the buffer is used again afterwards. */
  data(chunk: Buffer, position: number): void
  /** All data of the entry last given has come. */
  end(): void
}

/** Hears every byte of the archive in its order, to be able to write the same archive again. */
export interface TarCopy {
  /** Headers, padding, and whatever else is no content of a file. */
  literal(bytes: Buffer): void
  /** As {@link TarSink.data}, which had it before. */
  data(bytes: Buffer, position: number): void
}

/** A PAX header or a GNU long name may be at most this long, in bytes: they are held in memory. */
const maxExtension = 1024 * 1024

/**
 * Reads a tar archive that comes in pieces, synchronously: `push` hands everything complete to the sink before it returns,
 * so backpressure is simply not pushing. It is ours since tar-stream decodes PAX values as UTF-8, which destroys file
 * capabilities and other binary attributes, and has no sparse files.
 */
export class TarReader {
  readonly #sink: TarSink
  readonly #copy: TarCopy | undefined
  readonly #header = Buffer.alloc(blockSize)
  #headerFill = 0
  #sawZeroBlock = false
  #state: 'header' | 'map' | 'data' | 'extension' | 'padding' | 'ended' = 'header'
  #remaining = 0
  #sparse: SparseFile | undefined
  /** What is still to come of the entry's data; the first may be begun. */
  #fragments: Fragment[] = []
  #padding = 0
  #extension: { readonly typeflag: string; readonly body: Buffer } | undefined
  #global = new Map<string, string>()
  #pax: Map<string, string> | undefined
  #longName: string | undefined
  #longLink: string | undefined

  constructor(sink: TarSink, copy?: TarCopy) {
    this.#sink = sink
    this.#copy = copy
  }

  /** Reads on. Throws when the archive is broken, or what the sink throws. */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const isData = this.#state === 'data'
      const count = this.#take(chunk, at)
      if (!isData) this.#copy?.literal(chunk.subarray(at, at + count))
      at += count
    }
  }

  /** Reads on from a position, within one state; answers how much was taken. */
  #take(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case 'header':
        return this.#takeHeader(chunk, at)
      case 'map':
        return this.#takeMap(chunk, at)
      case 'data':
        return this.#takeData(chunk, at)
      case 'extension': {
        const { body } = this.#extension as { body: Buffer }
        const count = Math.min(this.#remaining, chunk.length - at)
        chunk.copy(body, body.length - this.#remaining, at, at + count)
        this.#remaining -= count
        if (this.#remaining === 0) this.#endExtension()
        return count
      }
      case 'padding': {
        const count = Math.min(this.#padding, chunk.length - at)
        this.#padding -= count
        if (this.#padding === 0) this.#state = 'header'
        return count
      }
      case 'ended':
        return chunk.length - at
    }
  }

  /**
   * The input has ended. Throws when that was in the middle of something. A missing end mark is no error, nor is missing padding
   * after the last file: umoci (`insert --opaque`) leaves both away, and Go's reader does not mind.
   */
  finish(): void {
    const between = this.#state === 'ended' || (this.#state === 'header' && this.#headerFill === 0)
    const isExtended = (this.#pax ?? this.#longName ?? this.#longLink) !== undefined
    const afterFile = this.#state === 'padding' && !isExtended
    if (!between && !afterFile) throw new Error('the tar archive is cut off')
  }

  /** Fills the block buffer; answers how much was taken, and at the end of a block leaves the fill at 0. */
  #takeBlock(chunk: Buffer, at: number): number {
    const count = Math.min(blockSize - this.#headerFill, chunk.length - at)
    chunk.copy(this.#header, this.#headerFill, at, at + count)
    this.#headerFill = (this.#headerFill + count) % blockSize
    return count
  }

  #takeHeader(chunk: Buffer, at: number): number {
    const count = this.#takeBlock(chunk, at)
    if (this.#headerFill > 0) return count
    const header = parseTarHeader(this.#header)
    // Two blocks of zeros end the archive. One alone is refused as Go's reader does, so that nothing can hide behind it.
    if (header === undefined) {
      if (this.#sawZeroBlock) this.#state = 'ended'
      this.#sawZeroBlock = true
    } else if (this.#sawZeroBlock) throw new Error('the tar archive has a block of zeros in its middle')
    else if ('xgLK'.includes(header.typeflag)) this.#startExtension(header)
    else this.#startEntry(header)
    return count
  }

  #takeMap(chunk: Buffer, at: number): number {
    const { map, mapCounts, realSize } = this.#sparse as SparseFile
    const count = this.#takeBlock(chunk, at)
    if (this.#headerFill > 0 || Array.isArray(map)) return count
    if (mapCounts) {
      if (this.#remaining < blockSize) throw new Error("a sparse file's map is longer than its data")
      this.#remaining -= blockSize
    }
    if (map.take(this.#header)) this.#startData(map.fragments(), realSize)
    return count
  }

  #takeData(chunk: Buffer, at: number): number {
    const { offset, length } = this.#fragments[0] as Fragment
    const count = Math.min(length, chunk.length - at)
    this.#sink.data(chunk.subarray(at, at + count), offset)
    this.#copy?.data(chunk.subarray(at, at + count), offset)
    if (count < length) this.#fragments[0] = { offset: offset + count, length: length - count }
    else this.#fragments.shift()
    this.#remaining -= count
    if (this.#remaining === 0) this.#endData()
    return count
  }

  #startData(fragments: readonly Fragment[], realSize: number): void {
    checkFragments(fragments, realSize, this.#remaining)
    this.#fragments = fragments.filter(({ length }) => length > 0)
    if (this.#remaining > 0) this.#state = 'data'
    else this.#endData()
  }

  #startExtension(header: TarHeader): void {
    if (header.size < 0 || header.size > maxExtension) {
      throw new Error(`a tar extension header of ${header.size} bytes is refused (the limit is ${maxExtension})`)
    }
    this.#extension = { typeflag: header.typeflag, body: Buffer.alloc(header.size) }
    this.#remaining = header.size
    this.#padding = paddingOf(header.size)
    this.#state = 'extension'
    if (header.size === 0) this.#endExtension()
  }

  #endExtension(): void {
    const { typeflag, body } = this.#extension as { typeflag: string; body: Buffer }
    this.#extension = undefined
    if (typeflag === 'x') this.#pax = parsePaxRecords(body)
    else if (typeflag === 'g') this.#global = new Map([...this.#global, ...parsePaxRecords(body)])
    else if (typeflag === 'L') this.#longName = untilNul(body)
    else this.#longLink = untilNul(body)
    this.#state = this.#padding > 0 ? 'padding' : 'header'
  }

  #startEntry(header: TarHeader): void {
    const pax = new Map([...this.#global, ...(this.#pax ?? [])])
    const isSparse = header.typeflag === 'S' || '07'.includes(header.typeflag)
    const sparse = !isSparse ? undefined : header.typeflag === 'S' ? gnuSparseFile(this.#header) : paxSparseFile(pax)
    const entry = entryOf(header, pax, sparse, this.#longName, this.#longLink)
    this.#pax = undefined
    this.#longName = undefined
    this.#longLink = undefined
    // What a link, a folder or a device claims as size is not followed by anything (as Go and GNU tar read it).
    const body = '123456'.includes(header.typeflag) ? 0 : sizeOf(header, pax)
    this.#remaining = body
    this.#padding = paddingOf(body)
    this.#sparse = sparse
    this.#sink.entry(entry)
    if (!sparse) this.#startData([{ offset: 0, length: body }], body)
    else if (Array.isArray(sparse.map)) this.#startData(sparse.map, sparse.realSize)
    else this.#state = 'map'
  }

  #endData(): void {
    this.#sink.end()
    this.#state = this.#padding > 0 ? 'padding' : 'header'
  }
}

const kinds: Readonly<Record<string, TarEntryKind>> = {
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

function entryOf(
  header: TarHeader,
  pax: Map<string, string>,
  sparse: SparseFile | undefined,
  longName?: string,
  longLink?: string,
): TarEntry {
  const sparseName = sparse && pax.get('GNU.sparse.name')
  const name = textOf(sparseName ?? pax.get('path') ?? longName ?? header.name, 'name')
  const listed = kinds[header.typeflag] ?? 'other'
  // Before POSIX, a folder was a file whose name ends with a slash.
  const kind = listed === 'file' && name.endsWith('/') ? 'directory' : listed
  return {
    kind,
    typeflag: header.typeflag,
    name,
    linkname: textOf(pax.get('linkpath') ?? longLink ?? header.linkname, 'link'),
    mode: header.mode,
    uid: idOf(pax.get('uid'), header.uid),
    gid: idOf(pax.get('gid'), header.gid),
    size: kind === 'file' ? (sparse?.realSize ?? sizeOf(header, pax)) : 0,
    sparse: sparse !== undefined,
    mtime: parsePaxTime(pax.get('mtime') ?? '') ?? BigInt(header.mtime) * 1_000_000_000n,
    devmajor: header.devmajor,
    devminor: header.devminor,
    xattrs: xattrsOf(pax),
  }
}

const xattrPrefix = 'SCHILY.xattr.'

function xattrsOf(pax: Map<string, string>): { name: string; value: Buffer }[] {
  const found: { name: string; value: Buffer }[] = []
  for (const [key, value] of pax) {
    if (key.startsWith(xattrPrefix))
      found.push({ name: key.slice(xattrPrefix.length), value: Buffer.from(value, 'latin1') })
  }
  return found
}

function sizeOf(header: TarHeader, pax: Map<string, string>): number {
  const text = pax.get('size')
  const size = text === undefined ? header.size : /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(size) || size < 0) throw new Error('a tar entry has an impossible size')
  return size
}

/** uid_t and gid_t are 32 bits, and the highest value means "no id" to the kernel. */
function idOf(text: string | undefined, fromHeader: number): number {
  const id = text === undefined ? fromHeader : /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(id >= 0 && id < 0xffff_ffff)) throw new Error(`a tar entry has an impossible owner (${text ?? fromHeader})`)
  return id
}

function textOf(text: string, what: string): string {
  if (text.includes('\0')) throw new Error(`a tar entry has a NUL in its ${what}`)
  return text
}

function untilNul(body: Buffer): string {
  const end = body.indexOf(0)
  return body.toString('latin1', 0, end < 0 ? body.length : end)
}

function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize
}

/** A name for a message: read as UTF-8, without control characters, cut short. */
export function printableName(latin1: string): string {
  const text = Buffer.from(latin1.slice(0, 200), 'latin1').toString('utf8')
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
}

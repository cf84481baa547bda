import { Buffer } from 'node:buffer'
import { constants, inflateRawSync } from 'node:zlib'
import { headerDictionary, headerDictionaryId } from './dictionary.ts'
import { protocolError } from './errors.ts'
import type { SpdyHeaders } from './frames.ts'

/** What Kubernetes' clients send is under 200 bytes; a compressed block may inflate to this, in bytes. */
const maxInflatedBytes = 64 * 1024
const maxHeaders = 100
/** How far deflate looks back, in bytes. */
const deflateWindow = 32 * 1024
/** The empty stored block with which a zlib sync flush ends. */
const syncMarker = Buffer.from([0x00, 0x00, 0xff, 0xff])

/**
 * Reads the header blocks of one direction of a connection, which are one zlib stream cut at sync flushes. A block ends at a
 * byte, so all that the next one needs of it is the text that it may refer to: each is inflated on its own, at once, with
 * that text as its dictionary. No native state lives as long as the connection.
 */
export class HeaderReader {
  #history: Buffer | undefined

  /** Throws invalid-argument on anything that is not a header block, also when it inflates to too much. */
  read(block: Buffer): SpdyHeaders {
    const deflated = this.#history === undefined ? this.#start(block) : block
    if (!deflated.subarray(-syncMarker.length).equals(syncMarker)) throw protocolError('a header block is cut off')
    const history = this.#history
    let inflated: Buffer
    try {
      inflated = inflateRawSync(deflated, {
        ...(history?.length ? { dictionary: history } : {}),
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: maxInflatedBytes,
      })
    } catch (error) {
      throw protocolError('a header block cannot be inflated', error)
    }
    this.#history = Buffer.concat([history ?? Buffer.alloc(0), inflated]).subarray(-deflateWindow)
    return parseHeaders(inflated)
  }

  /** Takes the zlib header (RFC 1950, section 2.2) off the first block. */
  #start(block: Buffer): Buffer {
    if (block.length < 2 || (block.readUInt8(0) & 0x0f) !== 8 || block.readUInt16BE(0) % 31 !== 0) {
      throw protocolError('the header blocks are no zlib stream')
    }
    const withDictionary = (block.readUInt8(1) & 0x20) !== 0
    if (!withDictionary) {
      this.#history = Buffer.alloc(0)
      return block.subarray(2)
    }
    if (block.length < 6 || block.readUInt32BE(2) !== headerDictionaryId) {
      throw protocolError("the header blocks have another dictionary than SPDY/3's")
    }
    this.#history = headerDictionary
    return block.subarray(6)
  }
}

/**
 * Writes the header blocks of one direction. Stored, not compressed: a reply of ours has no headers and a new stream
 * three, which need no deflate state of 256 KiB a connection. Each block ends with zlib's sync marker, without which Go's reader
 * (moby/spdystream) takes the frame to be cut off.
 */
export class HeaderWriter {
  #started = false

  write(headers: SpdyHeaders): Buffer {
    const parts = [uint32(headers.size)]
    for (const [name, value] of headers) {
      const nameBytes = Buffer.from(name.toLowerCase())
      const valueBytes = Buffer.from(value)
      parts.push(uint32(nameBytes.length), nameBytes, uint32(valueBytes.length), valueBytes)
    }
    const content = Buffer.concat(parts)
    const stored = Buffer.alloc(5)
    stored.writeUInt16LE(content.length, 1)
    stored.writeUInt16LE(0xffff - content.length, 3)
    const start = this.#started ? Buffer.alloc(0) : zlibStart
    this.#started = true
    return Buffer.concat([start, stored, content, Buffer.from([0x00]), syncMarker])
  }
}

/** Deflate with a 32 KiB window and a preset dictionary, and which. */
const zlibStart = Buffer.concat([Buffer.from([0x78, 0xbb]), uint32(headerDictionaryId)])

function parseHeaders(bytes: Buffer): SpdyHeaders {
  const headers = new Map<string, string>()
  let at = 0
  const number = () => {
    if (at + 4 > bytes.length) throw protocolError('a header block is too short')
    at += 4
    return bytes.readUInt32BE(at - 4)
  }
  const string = () => {
    const length = number()
    if (length > bytes.length - at) throw protocolError('a header block is too short')
    at += length
    return bytes.toString('utf8', at - length, at)
  }
  const count = number()
  if (count > maxHeaders) throw protocolError(`${count} headers in one block`)
  for (let i = 0; i < count; i++) {
    const name = string().toLowerCase()
    const value = string()
    if (name === '' || headers.has(name)) throw protocolError(`the header "${name}" is empty or there twice`)
    headers.set(name, value.split('\0', 1)[0] ?? '')
  }
  return headers
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

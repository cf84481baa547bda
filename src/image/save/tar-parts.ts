const block = 512

/** The most that the eleven octal digits of a size can say. */
const maxOctal = 8 ** 11 - 1

/** The header of a file (POSIX ustar; GNU's binary form for a size of 8 GiB and more). The path is short ASCII. */
export function tarHeader(path: string, size: number): Buffer {
  const header = Buffer.alloc(block)
  if (Buffer.byteLength(path) > 100) splitPath(path, header)
  else header.write(path, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  if (size <= maxOctal) header.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  else {
    header[124] = 0x80
    header.writeBigUInt64BE(BigInt(size), 128)
  }
  header.write('00000000000\0', 136)
  header.fill(' ', 148, 156)
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** The name of a blob of sha512 is too long for one field. */
function splitPath(path: string, header: Buffer): void {
  const slash = path.lastIndexOf('/', 100)
  header.write(path.slice(slash + 1), 0, 100)
  header.write(path.slice(0, slash), 345, 155)
}

/** What fills up the last block of a file. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((block - (size % block)) % block)
}

/** The end mark. */
export const tarEnd = Buffer.alloc(2 * block)

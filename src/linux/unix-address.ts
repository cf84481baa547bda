export const AF_UNIX = 1

/**
 * `struct sockaddr_un` (unix(7)): the family in two bytes, then the path with its NUL; for an abstract socket, whose name is
 * written with `@` here, a NUL and the name.
 */
export function unixAddress(path: string): Buffer {
  const abstract = path.startsWith('@')
  const address = Buffer.alloc(2 + Buffer.byteLength(path) + (abstract ? 0 : 1))
  address.writeUInt16LE(AF_UNIX, 0)
  address.write(abstract ? `\0${path.slice(1)}` : path, 2)
  return address
}

/** One entry of a tar, written as it is given: nothing is checked, so that hostile archives can be made as well. */
export interface TarItem {
  readonly name: string
  /** `0` file, `1` hard link, `2` symlink, `3` char, `4` block, `5` folder, `6` fifo; default by `data` and the name. */
  readonly type?: string
  readonly data?: string | Buffer
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** Seconds since the epoch. */
  readonly mtime?: number
  readonly linkname?: string
  readonly devmajor?: number
  readonly devminor?: number
  /** Records of a PAX header before the entry. */
  readonly pax?: Readonly<Record<string, string | Buffer>>
  /** Written instead of the true size. */
  readonly size?: number
}

/** A tar with its end mark. Names are UTF-8; long ones get a PAX header. */
export function tarOf(items: readonly TarItem[]): Buffer {
  return Buffer.concat([...items.flatMap(tarEntry), Buffer.alloc(1024)])
}

/** The blocks of one entry. */
export function tarEntry(item: TarItem): Buffer[] {
  const data = Buffer.from(item.data ?? '')
  const pax = { ...item.pax }
  if (Buffer.byteLength(item.name) > 100) pax.path = item.name
  if (Buffer.byteLength(item.linkname ?? '') > 100) pax.linkpath = item.linkname as string
  const blocks: Buffer[] = []
  if (Object.keys(pax).length > 0) {
    const body = Buffer.concat(Object.entries(pax).map(([key, value]) => paxRecord(key, Buffer.from(value))))
    blocks.push(tarHeader({ name: 'PaxHeaders/x', type: 'x' }, body.length), padded(body))
  }
  return [...blocks, tarHeader(item, item.size ?? data.length), padded(data)]
}

/** A PAX record with its length, which counts itself. */
export function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

/** A 512-byte ustar header. */
export function tarHeader(item: TarItem, size: number): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number) =>
    header.write(value.toString(8).padStart(length - 1, '0'), at)
  const type = item.type ?? (item.name.endsWith('/') ? '5' : '0')
  header.write(Buffer.from(item.name).subarray(0, 100).toString('latin1'), 0, 'latin1')
  octal(item.mode ?? (type === '5' ? 0o755 : 0o644), 100, 8)
  octal(item.uid ?? 0, 108, 8)
  octal(item.gid ?? 0, 116, 8)
  octal(size, 124, 12)
  octal(item.mtime ?? 0, 136, 12)
  header.write(type, 156)
  header.write(
    Buffer.from(item.linkname ?? '')
      .subarray(0, 100)
      .toString('latin1'),
    157,
    'latin1',
  )
  header.write('ustar\x0000', 257, 'latin1')
  octal(item.devmajor ?? 0, 329, 8)
  octal(item.devminor ?? 0, 337, 8)
  return withChecksum(header)
}

/** Puts the right checksum into a header. */
export function withChecksum(header: Buffer): Buffer {
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)])
}

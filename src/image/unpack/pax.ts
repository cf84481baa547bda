/**
 * PAX extended header records (POSIX.1-2017 pax, "pax Extended Header"): `<length> <key>=<value>\n`. Read as bytes, since
 * values of `SCHILY.xattr.*` are binary (file capabilities) and names need not be UTF-8. Keys and values come back as
 * latin1 strings, one character a byte.
 */
export function parsePaxRecords(body: Buffer): Map<string, string> {
  const records = new Map<string, string>()
  for (let at = 0; at < body.length; ) {
    // Some writers fill up with NULs.
    if (body[at] === 0) break
    const space = body.indexOf(0x20, at)
    const digits = space < 0 ? '' : body.toString('latin1', at, space)
    if (!/^[0-9]{1,8}$/.test(digits)) throw new Error('a PAX header record has no length')
    const end = at + Number(digits)
    const equals = body.indexOf(0x3d, space + 1)
    if (end > body.length || equals < 0 || equals >= end - 1 || body[end - 1] !== 0x0a) {
      throw new Error('a PAX header record is cut off')
    }
    const key = body.toString('latin1', space + 1, equals)
    const value = body.toString('latin1', equals + 1, end - 1)
    // GNU's sparse format 0.0 repeats these for each fragment; together they are the map of format 0.1.
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') {
      const map = records.get('GNU.sparse.map')
      records.set('GNU.sparse.map', map === undefined ? value : `${map},${value}`)
    } else records.set(key, value)
    at = end
  }
  return records
}

/** A time of a PAX record, seconds with a decimal fraction, in nanoseconds since the epoch; undefined if it is none. */
export function parsePaxTime(text: string): bigint | undefined {
  const match = /^(-?)([0-9]{1,12})(?:\.([0-9]*))?$/.exec(text)
  if (!match) return undefined
  const nanoseconds = BigInt(match[2] ?? '0') * 1_000_000_000n + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'))
  return match[1] === '-' ? -nanoseconds : nanoseconds
}

/** A line of /etc/passwd. */
export interface PasswdEntry {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** A line of /etc/group. */
export interface GroupEntry {
  readonly name: string
  readonly gid: number
  readonly members: readonly string[]
}

/** The largest id: runc takes no more than a signed 32-bit number. */
export const maxId = 0x7fffffff

/** The lines of a passwd(5) file in order; what is no proper line (a user without a number, say) is passed over. */
export function parsePasswd(text: string): PasswdEntry[] {
  return lines(text).flatMap(([name, , uid, gid]) => {
    const numbers = [parseId(uid), parseId(gid)]
    const [user, group] = numbers
    return name && user !== undefined && group !== undefined ? [{ name, uid: user, gid: group }] : []
  })
}

/** The lines of a group(5) file in order, as {@link parsePasswd} does. */
export function parseGroup(text: string): GroupEntry[] {
  return lines(text).flatMap(([name, , id, members]) => {
    const gid = parseId(id)
    if (!name || gid === undefined) return []
    return [{ name, gid, members: (members ?? '').split(',').filter((member) => member !== '') }]
  })
}

/** A decimal id from 0 to {@link maxId}, or undefined. */
export function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id <= maxId ? id : undefined
}

function lines(text: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))
}

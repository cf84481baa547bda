import { BerthError, errnoOf, failedPrecondition, messageOf, operationFailed } from '../lib/errors.ts'

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const code = { READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const

/** A database whose own check of itself found something. */
export class DamagedDatabase extends Error {}

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error && 'errcode' in error && typeof error.errcode === 'number')) return undefined
  // Extended codes have the primary one in their lowest byte.
  return error.errcode & 0xff
}

/** The database itself is damaged: to write on would make it worse. */
export function isDamage(error: unknown): boolean {
  const result = resultCode(error)
  return error instanceof DamagedDatabase || result === code.CORRUPT || result === code.NOTADB
}

/** The disk takes no writes, now. */
export function isDiskTrouble(error: unknown): boolean {
  const result = resultCode(error)
  const errno = errnoOf(error) ?? ''
  return (
    (result !== undefined && [code.READONLY, code.IOERR, code.FULL, code.CANTOPEN].some((each) => each === result)) ||
    ['EROFS', 'ENOSPC', 'EDQUOT', 'EIO', 'EACCES'].includes(errno)
  )
}

/** There is no room: what is open stays of use. */
export function isFull(error: unknown): boolean {
  return resultCode(error) === code.FULL || ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '')
}

/** What a request fails with that cannot be put on record. */
export function cannotWrite(path: string, error: unknown): BerthError {
  const what = `the record cannot be written to ${path}`
  const why = messageOf(error)
  if (isFull(error)) return new BerthError('resource-exhausted', `${what}: ${why}; make room on its disk`, error)
  if (resultCode(error) === code.READONLY || errnoOf(error) === 'EROFS') {
    return failedPrecondition(`${what}: ${why}; its disk must be mounted for writing`, error)
  }
  return operationFailed(`${what}: ${why}; check its disk`, error)
}

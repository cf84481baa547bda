import { posix } from 'node:path'
import { invalidArgument } from '../../lib/errors.ts'

/** The text unchanged; a NUL in it, which no system call can take, is an invalid argument. */
export function withoutNul(field: string, value: string): string {
  if (value.includes('\0')) throw invalidArgument(`${field} contains a NUL character`)
  return value
}

/** A path of the container in its shortest form: absolute, no `.` or `..` left (a `..` at the top stays at the top). */
export function containerPath(field: string, value: string): string {
  return absolutePath(field, value)
}

/** A path of the host in its shortest form; empty or relative is an invalid argument. */
export function hostPath(field: string, value: string): string {
  return absolutePath(field, value)
}

function absolutePath(field: string, value: string): string {
  if (value === '') throw invalidArgument(`${field} is empty`)
  withoutNul(field, value)
  if (!value.startsWith('/')) throw invalidArgument(`${field} must be an absolute path, not "${value}"`)
  const path = posix.normalize(value)
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** A 64-bit number of the request as a JSON number. */
export function safeNumber(field: string, value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw invalidArgument(`${field} is out of range: ${value}`)
  return number
}

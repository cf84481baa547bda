import { closeSync, openSync } from 'node:fs'
import { errnoOf } from '../lib/errors.ts'
import { check, libc } from './libc.ts'

const LOCK_EX = 2
const LOCK_NB = 4

/**
 * Takes the lock at `path` for as long as this process lives (flock(2); the kernel frees it, however the process ends).
 * Answers false when another process has it.
 */
export function takeLock(path: string): boolean {
  const fd = openSync(path, 'a', 0o600)
  try {
    check(libc.flock(fd, LOCK_EX | LOCK_NB), 'flock', path)
    return true
  } catch (error) {
    closeSync(fd)
    if (errnoOf(error) === 'EAGAIN') return false
    throw error
  }
}

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'
import type { ContainerExit } from './protocol.ts'

/**
 * Keeps how a container ended in its bundle folder, where berthd finds it after it was away. Written whole or not at all.
 * The folder is on tmpfs and gone after a reboot, like every process; nothing has to be synced.
 */
export function writeExitRecord(bundle: string, exit: ContainerExit): void {
  const path = exitRecordPath(bundle)
  writeFileSync(`${path}.new`, JSON.stringify(exit), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** How the container ended, or undefined when it has not, as far as its shim could tell, or that cannot be read. */
export function readExitRecord(bundle: string): ContainerExit | undefined {
  try {
    return JSON.parse(readFileSync(exitRecordPath(bundle), 'utf8')) as ContainerExit
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

function exitRecordPath(bundle: string): string {
  return join(bundle, 'exit.json')
}

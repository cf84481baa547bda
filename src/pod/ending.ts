import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExitStatus } from '../linux/reaper.ts'

/**
 * How a process ended that berthd, not the shim, has reaped: kept in its bundle until a shim has made the container's exit of
 * it. Both may be killed in between.
 */
export function writeEnding(bundle: string, { exitCode, signal }: ExitStatus): void {
  const path = endingPath(bundle)
  try {
    writeFileSync(`${path}.new`, JSON.stringify({ exitCode, signal }), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  } catch {
    // No room, or the container is being removed: whoever asked has the answer.
  }
}

/** Undefined when nobody has reaped it, as far as is known. */
export function readEnding(bundle: string): ExitStatus | undefined {
  try {
    const { exitCode, signal } = JSON.parse(readFileSync(endingPath(bundle), 'utf8')) as ExitStatus
    return { exitCode, signal }
  } catch {
    return undefined
  }
}

function endingPath(bundle: string): string {
  return join(bundle, 'ending.json')
}

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What berthd leaves in a container's bundle before it kills the container. */
export interface KillNote {
  /** How many of its processes the kernel had killed until then for want of memory. */
  readonly oomKills: number
}

/** Written whole or not at all. */
export function writeKillNote(bundle: string, note: KillNote): void {
  const path = notePath(bundle)
  writeFileSync(`${path}.new`, JSON.stringify(note), { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

/** Undefined when berthd has not killed the container. */
export function readKillNote(bundle: string): KillNote | undefined {
  try {
    return JSON.parse(readFileSync(notePath(bundle), 'utf8')) as KillNote
  } catch {
    return undefined
  }
}

function notePath(bundle: string): string {
  return join(bundle, 'kill.json')
}

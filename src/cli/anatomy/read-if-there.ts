import { readFileSync } from 'node:fs'

/** A file of /proc or of the cgroups; empty when it is not there, not for us, or gone with its process. */
export function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

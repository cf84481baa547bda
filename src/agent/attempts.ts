import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The attempt number of a new container: one more than that of any log file it left (`N.log`, also rotated), so that
 * no log
 * is ever written over, whatever became of the records of its containers.
 */
export function nextAttempt(logDirectory: string, container: string): number {
  let files: string[]
  try {
    files = readdirSync(join(logDirectory, container))
  } catch {
    return 0
  }
  const attempts = files.map((file) => Number(/^(\d+)\.log/.exec(file)?.[1] ?? -1))
  return Math.max(-1, ...attempts) + 1
}

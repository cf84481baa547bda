import { spawnSync, type SpawnSyncOptions } from 'node:child_process'

/** Runs a program to its end and answers its output; throws with its own words when it fails. */
export function run(file: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const result = spawnSync(file, args, { maxBuffer: 64 << 20, ...options, encoding: 'utf8' })
  if (result.error) throw new Error(`cannot run ${file}: ${result.error.message}`, { cause: result.error })
  if (result.status === 0) return result.stdout
  throw new Error(`${file} ${args.join(' ')} failed (${result.signal ?? result.status}): ${result.stderr.trim()}`)
}

import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Spec } from './runtime-spec.ts'

/**
 * Writes `config.json` into the bundle folder, which is made when it does not exist. Only root may read either: the
 * environment of a container often holds secrets.
 */
export function writeBundle(folder: string, spec: Spec): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, 'config.json')
  // Whoever reads it gets the old one or the new one.
  writeFileSync(`${file}.new`, JSON.stringify(spec), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

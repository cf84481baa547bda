import { readFileSync } from 'node:fs'
import { errnoOf, invalidArgument, messageOf } from '../lib/errors.ts'

/** The text of a manifest file; `-` is stdin. */
export function readManifestText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    throw invalidArgument(errnoOf(error) === 'ENOENT' ? `there is no file ${path}` : messageOf(error), error)
  }
}

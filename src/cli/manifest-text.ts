import { readFileSync } from 'node:fs'
import { errnoOf, invalidArgument, messageOf } from '../lib/errors.ts'

/** The text of a manifest file; `-` is stdin. */
export function readManifestText(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8')
  } catch (error) {
    // The words here say all that the cause does.
    if (errnoOf(error) === 'ENOENT') throw invalidArgument(`there is no file ${path}`)
    if (errnoOf(error) === 'EISDIR') throw invalidArgument(`${path} is a folder: give the manifests in it one by one`)
    throw invalidArgument(messageOf(error), error)
  }
}

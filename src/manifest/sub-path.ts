import { invalidArgument } from '../lib/errors.ts'

/** @throws BerthError invalid-argument when it leads out of its volume by what it says */
export function checkSubPath(subPath: string, path: string): void {
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
    throw invalidArgument(`${path} must be relative and must not contain ".."`)
  }
}

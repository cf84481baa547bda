import { lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { posix } from 'node:path'
import { errnoOf, invalidArgument } from '../lib/errors.ts'

/**
 * The real path of `below` in the folder `root`; folders that are missing are made. The containers of a pod can put symbolic
 * links into its volumes, so one that leads out of `root` is refused.
 *
 * @throws BerthError invalid-argument when it leads out
 */
export function pathInside(root: string, below: string): string {
  const top = realpathSync(root)
  let path = top
  for (const part of below.split('/').filter((part) => part !== '' && part !== '.')) {
    const next = posix.join(path, part)
    if (isMissing(next)) mkdirSync(next, { mode: 0o777 })
    path = realpathSync(next)
    if (path !== top && !path.startsWith(top === '/' ? '/' : `${top}/`)) {
      throw invalidArgument(`the subPath ${below} leads out of its volume ${root}`)
    }
  }
  return path
}

function isMissing(path: string): boolean {
  try {
    lstatSync(path)
    return false
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true
    throw error
  }
}

/** @throws BerthError invalid-argument when it leads out of its volume */
export function checkSubPath(subPath: string, path: string): void {
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
    throw invalidArgument(`${path} must be relative and must not contain ".."`)
  }
}

import { chmodSync, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { errnoOf, invalidArgument } from '../lib/errors.ts'

/**
 * The real path of `below` in the folder `root`; folders that are missing are made, with the mode of `root`. The containers of a pod can put symbolic
 * links into its volumes, so one that leads out of `root` is refused.
 *
 * @throws BerthError invalid-argument when it leads out
 */
export function pathInside(root: string, below: string): string {
  const top = realpathSync(root)
  const mode = statSync(top).mode & 0o7777
  let path = top
  for (const part of below.split('/').filter((part) => part !== '' && part !== '.')) {
    const next = posix.join(path, part)
    if (isMissing(next)) {
      mkdirSync(next)
      // Whoever may write to the volume may write here; mkdir alone would apply the umask.
      chmodSync(next, mode)
    }
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

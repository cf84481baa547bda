import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, posix } from 'node:path'
import { errnoOf, invalidArgument } from '../lib/errors.ts'
import type { Mounts } from './volume-mounts.ts'

/**
 * Mounts the part `below` of the volume `root` at `target`, for a container to have it mounted from there. Containers
 * of a pod
 * can put symbolic links into its volumes, and change them at any moment, so that a path would not do: the part is
 * opened step
 * by step, no link is followed, and what is open is mounted. Folders that are missing are made.
 *
 * @throws BerthError invalid-argument when a link leads out of the volume; an errno when one came in the way meanwhile
 */
export function mountSubPath(mounts: Mounts, root: string, below: string, target: string): string {
  const top = realpathSync(root)
  const part = openBelow(top, resolveInside(top, below))
  try {
    mounts.unmount(target)
    removeEmpty(target)
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 })
    if (fstatSync(part).isDirectory()) mkdirSync(target)
    else writeFileSync(target, '')
    mounts.bind(`/proc/${process.pid}/fd/${part}`, target)
    return target
  } finally {
    closeSync(part)
  }
}

/** Never more than what was made to mount on: were something still mounted there, it is not to be lost. */
function removeEmpty(target: string): void {
  const stats = lstatSync(target, { throwIfNoEntry: false })
  if (stats?.isDirectory()) rmdirSync(target)
  else if (stats) unlinkSync(target)
}

/** What `below` is in the folder `top`, from there, with links followed as they are now. */
export function resolveInside(top: string, below: string): string {
  let path = top
  for (const part of below.split('/').filter((part) => part !== '' && part !== '.')) {
    const next = posix.join(path, part)
    path = isMissing(next) ? next : realpathSync(next)
    if (path !== top && !path.startsWith(top === '/' ? '/' : `${top}/`)) {
      throw invalidArgument(`the subPath ${below} leads out of its volume ${top}`)
    }
  }
  return posix.relative(top, path)
}

/** open(2), O_PATH: only to name what is open. Node has no constant for it. */
const O_PATH = 0o10000000

/**
 * Opens a path below `top` without following any link; the caller closes it. Folders that are missing are made, with the
 * mode of `top`.
 */
export function openBelow(top: string, below: string): number {
  let open = openSync(top, O_PATH | constants.O_DIRECTORY)
  const mode = fstatSync(open).mode & 0o7777
  for (const part of below.split('/').filter((part) => part !== '')) {
    const folder = open
    try {
      open = openOrMake(`/proc/self/fd/${folder}/${part}`, mode)
    } finally {
      closeSync(folder)
    }
  }
  return open
}

function openOrMake(path: string, mode: number): number {
  try {
    return refuseLink(openSync(path, O_PATH | constants.O_NOFOLLOW), path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  mkdirSync(path)
  const made = refuseLink(openSync(path, O_PATH | constants.O_NOFOLLOW), path)
  // Whoever may write to the volume may write here; mkdir alone would apply the umask.
  chmodSync(`/proc/self/fd/${made}`, mode)
  return made
}

/** With O_PATH, O_NOFOLLOW opens a link itself instead of failing. */
function refuseLink(open: number, path: string): number {
  if (!fstatSync(open).isSymbolicLink()) return open
  closeSync(open)
  throw invalidArgument(`a symbolic link came into the way of a subPath: ${path}`)
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

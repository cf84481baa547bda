import { execFile, execFileSync } from 'node:child_process'
import { readFileSync, realpathSync } from 'node:fs'
import { promisify } from 'node:util'
import { errnoOf, failedPrecondition } from '../lib/errors.ts'
import { withoutOctalEscapes } from '../lib/octal-escapes.ts'

/** Mounts of volumes. */
export interface Mounts {
  /** Does nothing when it is one already. The limit is in bytes. */
  mountTmpfs(path: string, limit: bigint | undefined): Promise<void>
  /** Mounts what `source` names, which may be a file, at `target` too. */
  bind(source: string, target: string): void
  /** Unmounts what is mounted at a path; nothing if there is nothing. */
  unmount(path: string): void
  /** Unmounts what is mounted on a folder and below it. */
  unmountBelow(folder: string): Promise<void>
}

const run = promisify(execFile)

/** By mount(8) and umount(8), which need root. */
export const systemMounts: Mounts = {
  async mountTmpfs(path, limit) {
    if (mountPoints().includes(realPath(path))) return
    const options = ['nosuid', 'nodev', 'mode=0777', ...(limit === undefined ? [] : [`size=${limit}`])]
    await run('mount', ['-t', 'tmpfs', '-o', options.join(','), 'berth-volume', path])
  },
  bind(source, target) {
    // Canonicalized, the name of an open file would become a path again.
    execFileSync('mount', ['--no-canonicalize', '--bind', source, target], { stdio: 'pipe' })
  },
  unmount(path) {
    const real = realPath(path)
    if (mountPoints().includes(real)) execFileSync('umount', [real], { stdio: 'pipe' })
  },
  async unmountBelow(folder) {
    const real = realPath(folder)
    const isBelow = (path: string) => path === real || path.startsWith(`${real}/`)
    // The last mounted is the first in the way.
    for (const path of mountPoints().toReversed()) if (isBelow(path)) await run('umount', [path])
    // What is removed next must not be what was mounted.
    const left = mountPoints().find(isBelow)
    if (left !== undefined) throw failedPrecondition(`${left} is still mounted`)
  },
}

/** The kernel lists mounts by their real paths. What does not exist has nothing mounted on it. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return path
    throw error
  }
}

/** proc_pid_mountinfo(5): the fifth field, with spaces and the like written in octal. */
function mountPoints(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n')
  return lines.map((line) => withoutOctalEscapes(line.split(' ')[4] ?? ''))
}

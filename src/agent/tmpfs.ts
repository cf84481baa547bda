import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

/** Mounts of volumes in memory. */
export interface Mounts {
  /** Does nothing when it is one already. The limit is in bytes. */
  mountTmpfs(path: string, limit: bigint | undefined): Promise<void>
  /** Unmounts what is mounted on a folder and below it. */
  unmountBelow(folder: string): Promise<void>
}

const run = promisify(execFile)

/** By mount(8) and umount(8), which need root. */
export const systemMounts: Mounts = {
  async mountTmpfs(path, limit) {
    if (mountPoints().includes(path)) return
    const options = ['nosuid', 'nodev', 'mode=0777', ...(limit === undefined ? [] : [`size=${limit}`])]
    await run('mount', ['-t', 'tmpfs', '-o', options.join(','), 'berth-volume', path])
  },
  async unmountBelow(folder) {
    // The last mounted is the first in the way.
    for (const path of mountPoints().toReversed()) {
      if (path === folder || path.startsWith(`${folder}/`)) await run('umount', [path])
    }
  },
}

/** proc_pid_mountinfo(5): the fifth field, with spaces and the like written in octal. */
function mountPoints(): string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n')
  return lines.map((line) =>
    (line.split(' ')[4] ?? '').replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    ),
  )
}

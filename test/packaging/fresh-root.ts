import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { repository } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'

export interface Ran {
  readonly exitCode: number | null
  /** Standard output and standard error. */
  readonly output: string
}

/** The packages that the package of Berth depends on. */
const depended = ['runc', 'containernetworking-plugins', 'iptables', 'libstdc++6']

/** What its first process does: it makes the mounts, takes the folder as root file system, and then reaps and waits. */
const init = `
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mkdir -p old
pivot_root . old
umount -l /old
rmdir /old
exec /bin/bash -c 'echo ready; sleep infinity & wait'
`

/** A new Debian with its own mounts, processes and network, like a machine without systemd. */
export class FreshRoot {
  readonly folder: string
  readonly #init: ChildProcess
  readonly #pid: number

  private constructor(folder: string, init: ChildProcess, pid: number) {
    this.folder = folder
    this.#init = init
    this.#pid = pid
  }

  /** Part of its path, and of no other. */
  get mark(): string {
    return basename(this.folder)
  }

  static async make(): Promise<FreshRoot> {
    const folder = mkdtempSync(join(tmpdir(), 'berth-debian-'))
    try {
      check(['cp', '-a', '--reflink=auto', `${pristineRoot()}/.`, folder])
      const namespaces = ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child']
      const process = spawn(
        'unshare',
        [...namespaces, '--propagation', 'private', 'bash', '-c', init, 'init', folder],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
        },
      )
      await Promise.race([once(process.stdout, 'data'), once(process, 'exit')])
      if (process.exitCode !== null) throw new Error('the new root could not be entered')
      const pid = Number(readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim())
      check(['nsenter', `--target=${pid}`, '--net', 'ip', 'link', 'set', 'lo', 'up'])
      return new FreshRoot(folder, process, pid)
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Runs a line of shell in it. */
  try(line: string): Ran {
    const enter = ['--mount', '--pid', '--net', '--ipc', '--uts', '--root', '--wd']
    const { status, stdout, stderr } = spawnSync('nsenter', [`--target=${this.#pid}`, ...enter, 'sh', '-c', line], {
      encoding: 'utf8',
      timeout: 120_000,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', HOME: '/root' },
    })
    return { exitCode: status, output: stdout + stderr }
  }

  /** Runs a line of shell that must succeed; answers what it said. */
  run(line: string): string {
    const { exitCode, output } = this.try(line)
    if (exitCode !== 0) throw new Error(`${line} ended with ${exitCode}:\n${output}`)
    return output
  }

  /** The command lines of its processes, but for those that this class has started. */
  processes(): readonly string[] {
    const lines = this.run(`for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null && echo; done`).split('\n')
    return lines
      .map((line) => line.trim())
      .filter((line) => line !== '' && !/^(sh -c|tr |\/bin\/bash -c|sleep inf)/.test(line))
  }

  mounts(): readonly string[] {
    return this.run(`cut -d' ' -f2 /proc/mounts`).trim().split('\n')
  }

  /** Ends all its processes, with which its mounts go, and deletes it. */
  async remove(): Promise<void> {
    const ended = once(this.#init, 'exit')
    process.kill(this.#pid, 'SIGKILL')
    await ended
    await eventually('the new root is free', () => {
      const mounts = readFileSync('/proc/mounts', 'utf8')
      return mounts.includes(this.folder) ? undefined : true
    })
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The folder with a Debian that nobody has entered; made once, and kept in build/. */
function pristineRoot(): string {
  const kept = join(repository, 'build/debian')
  if (existsSync(kept)) return kept
  const fresh = `${kept}.next`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  check(['debootstrap', '--variant=minbase', `--include=${depended.join(',')}`, 'bookworm', fresh])
  renameSync(fresh, kept)
  return kept
}

function check([file = '', ...args]: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', timeout: 240_000 })
  if (error) throw error
  if (status !== 0)
    throw new Error(`${file} ended with ${status}:\n${(stdout + stderr).split('\n').slice(-12).join('\n')}`)
}

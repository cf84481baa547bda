import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { errnoOf } from '../../src/lib/errors.ts'
import { repository } from '../harness/berthd.ts'
import { eventually } from '../harness/eventually.ts'

export interface Ran {
  readonly exitCode: number | null
  /** Standard output and standard error. */
  readonly output: string
}

export interface RootOptions {
  /** Debian's name of it: bookworm, trixie. */
  readonly release: string
  /** Its first process is systemd, with cgroups of its own; else none but a process that waits. */
  readonly systemd: boolean
  /** With systemd: it also has what the node of a cluster has, as far as Debian has it. */
  readonly node?: boolean
}

/** The packages that the package of Berth depends on. */
const depended = ['runc', 'containernetworking-plugins', 'iptables', 'libstdc++6']
const forSystemd = ['systemd-sysv', 'dbus']
/** The first is what the package recommends: an apt without a network would miss it. */
const forNode = ['libisal2', 'containerd', 'kubernetes-client', 'kmod', 'procps']

const hierarchies = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids']

/** How the first process has the cgroups of this machine. */
const sharedCgroups = 'mount --rbind /sys/fs/cgroup sys/fs/cgroup'

/** And its own, as the root of its cgroup namespace: of the version that this machine has. */
const ownCgroups = (version: 1 | 2) =>
  version === 2
    ? 'mount -t cgroup2 cgroup2 sys/fs/cgroup'
    : `
mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
for name in ${hierarchies.join(' ')}; do mkdir sys/fs/cgroup/$name; mount -t cgroup -o $name cgroup sys/fs/cgroup/$name; done
mkdir sys/fs/cgroup/systemd sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
mount -t cgroup2 cgroup2 sys/fs/cgroup/unified`

/** What the first process does: it makes the mounts, takes the folder as root file system, and becomes what it is to be. */
const firstProcess = (cgroups: string, program: string) => `
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs sysfs sys
${cgroups}
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mkdir -p old
pivot_root . old
umount -l /old
rmdir /old
echo ready
${program}
`
const waits = `exec /bin/bash -c 'sleep infinity & wait'`
/** In a container its arguments are what the kernel's command line is elsewhere; from Debian 13 on it refuses version 1. */
const systemd =
  'exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=berth-test /lib/systemd/systemd SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1'

/** A new Debian with its own mounts, processes and network. */
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

  static async make(options: RootOptions): Promise<FreshRoot> {
    const folder = mkdtempSync(join(tmpdir(), 'berth-debian-'))
    try {
      check(['cp', '-a', '--reflink=auto', `${pristineRoot(options)}/.`, folder])
      const namespaces = ['--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child']
      const own = options.systemd ? makeCgroups(basename(folder)) : undefined
      if (own) namespaces.push('--cgroup')
      const program = own ? firstProcess(ownCgroups(own.version), systemd) : firstProcess(sharedCgroups, waits)
      // It is in its cgroups before it makes the namespace of which they are the root.
      const enter = (own?.folders ?? []).map((cgroup) => `echo $$ >${cgroup}/cgroup.procs; `).join('')
      const unshare = `exec unshare ${namespaces.join(' ')} --propagation private bash -c "$2" init "$1"`
      const process = spawn('bash', ['-c', `set -e; ${enter}${unshare}`, 'enter', folder, program], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      })
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
    const enter = ['--mount', '--pid', '--net', '--ipc', '--uts', '--cgroup', '--root', '--wd']
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

  /** Starts a program of this machine in its network, with whatever else is this machine's. */
  startInNetwork(file: string, ...args: readonly string[]): ChildProcess {
    return spawn('nsenter', [`--target=${this.#pid}`, '--net', file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
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
    await eventually('its cgroups are free', () => {
      try {
        for (const cgroup of globSync(`/sys/fs/cgroup/{,*/}${this.mark}`)) removeCgroups(cgroup)
        return true
      } catch (error) {
        if (errnoOf(error) === 'EBUSY') return undefined
        throw error
      }
    })
  }
}

/** A cgroup of this name in each hierarchy. */
function makeCgroups(name: string): { readonly version: 1 | 2; readonly folders: readonly string[] } {
  const version = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1
  const folders = (version === 1 ? [...hierarchies, 'systemd', 'unified'] : ['']).map((hierarchy) => {
    const parent = join('/sys/fs/cgroup', hierarchy)
    const folder = join(parent, name)
    mkdirSync(folder)
    // A cgroup of cpuset on version 1 takes no process before it has CPUs and memory.
    for (const file of hierarchy === 'cpuset' ? ['cpuset.cpus', 'cpuset.mems'] : []) {
      writeFileSync(join(folder, file), readFileSync(join(parent, file)))
    }
    return folder
  })
  return { version, folders }
}

/** Removes a cgroup and those below it, which have no processes any more. */
function removeCgroups(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroups(join(folder, entry.name))
  }
  rmdirSync(folder)
}

/** The folder with a Debian that nobody has entered; made once, and kept in build/. */
function pristineRoot({ release, systemd, node }: RootOptions): string {
  const kept = join(repository, `build/${release}${node ? '-node' : systemd ? '-systemd' : ''}`)
  if (existsSync(kept)) return kept
  const fresh = `${kept}.next`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  const packages = [...depended, ...(systemd ? forSystemd : []), ...(node ? forNode : [])].join(',')
  check(['debootstrap', '--variant=minbase', `--include=${packages}`, release, fresh])
  renameSync(fresh, kept)
  return kept
}

function check([file = '', ...args]: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', timeout: 240_000 })
  if (error) throw error
  if (status !== 0)
    throw new Error(`${file} ended with ${status}:\n${(stdout + stderr).split('\n').slice(-12).join('\n')}`)
}

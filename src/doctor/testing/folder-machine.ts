import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { FileSystem, HttpAnswer, Machine, ProgramResult } from '../machine.ts'

/** What a machine in a folder is like. Whatever is not said is as on a healthy node. */
export interface FolderMachineOptions {
  readonly release?: string
  readonly isRoot?: boolean
  readonly now?: number
  /** Files by path; undefined takes one away that a healthy node has. */
  readonly files?: Readonly<Record<string, string | undefined>>
  /** Programs by path; undefined takes one away. */
  readonly programs?: Readonly<Record<string, undefined>>
  /** What programs do, by their command line. */
  readonly runs?: Readonly<Record<string, Partial<ProgramResult>>>
  readonly fileSystem?: Partial<FileSystem>
  readonly answer?: (url: string) => HttpAnswer
}

export interface FolderMachine extends Machine, Disposable {
  /** The command lines that were run, without their folders. */
  readonly ran: readonly string[]
}

export const today = Date.UTC(2026, 5, 1)

const files = {
  '/proc/filesystems': 'nodev\tproc\nnodev\toverlay\n\text4\n',
  '/proc/self/status': 'Name:\tx\nSeccomp:\t0\n',
  '/proc/self/mountinfo': '29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n',
  '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory hugetlb pids\n',
  '/proc/sys/user/max_user_namespaces': '96551\n',
  '/proc/sys/net/ipv4/ip_forward': '1\n',
  '/proc/sys/net/bridge/bridge-nf-call-iptables': '1\n',
  '/proc/sys/fs/inotify/max_user_instances': '8192\n',
  '/proc/sys/kernel/pid_max': '4194304\n',
  '/proc/swaps': 'Filename\tType\tSize\tUsed\tPriority\n',
  '/proc/77/comm': 'chronyd\n',
  '/etc/cni/net.d/10-pods.conflist': JSON.stringify({
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [{ type: 'bridge', ipMasq: true, ipam: { type: 'host-local' } }, { type: 'portmap' }],
  }),
  ...Object.fromEntries(['mnt', 'net', 'ipc', 'uts', 'pid', 'cgroup'].map((name) => [`/proc/self/ns/${name}`, ''])),
}

const programs = [
  '/usr/sbin/runc',
  '/usr/sbin/iptables',
  ...['bridge', 'host-local', 'portmap'].map((name) => `/opt/cni/bin/${name}`),
]

const runcFeatures = {
  ociVersionMin: '1.0.0',
  ociVersionMax: '1.2.0',
  mountOptions: ['rro'],
  linux: { seccomp: { enabled: true }, mountExtensions: { idmap: { enabled: true } } },
  annotations: { 'org.opencontainers.runc.version': '1.3.6' },
}

/** A node whose files are in a temporary folder. */
export function folderMachine(options: FolderMachineOptions = {}): FolderMachine {
  const root = mkdtempSync(join(tmpdir(), 'berth-doctor-'))
  const at = (path: string) => join(root, path)
  const put = (path: string, text: string, mode: number) => {
    mkdirSync(dirname(at(path)), { recursive: true })
    writeFileSync(at(path), text, { mode })
  }
  for (const [path, text] of Object.entries({ ...files, ...options.files }))
    if (text !== undefined) put(path, text, 0o644)
  for (const path of programs) if (!(path in (options.programs ?? {}))) put(path, '', 0o755)
  const isExecutable = (path: string) => {
    try {
      accessSync(at(path), constants.X_OK)
      return true
    } catch {
      return false
    }
  }
  const runs: Readonly<Record<string, Partial<ProgramResult>>> = {
    'runc features': { stdout: JSON.stringify(runcFeatures) },
    'iptables --version': { stdout: 'iptables v1.8.9 (nf_tables)\n' },
    ...options.runs,
  }
  const ran: string[] = []
  const gib = 2 ** 30
  return {
    ran,
    release: options.release ?? '6.18.1',
    isRoot: options.isRoot ?? true,
    now: options.now ?? today,
    read: (path) => {
      try {
        return readFileSync(at(path), 'utf8')
      } catch {
        return undefined
      }
    },
    list: (path) => (existsSync(at(path)) ? readdirSync(at(path)).sort() : []),
    exists: (path) => existsSync(at(path)),
    isExecutable,
    find: (program) => ['/usr/sbin', '/usr/bin'].map((folder) => join(folder, program)).find(isExecutable),
    fileSystem: () => ({
      type: 0xef53,
      freeBytes: 50 * gib,
      totalBytes: 100 * gib,
      freeInodes: 900,
      totalInodes: 1000,
      ...options.fileSystem,
    }),
    run: async (file, ...args) => {
      const line = [file.replace(/^.*\//, ''), ...args].join(' ')
      ran.push(line)
      return { exitCode: 0, stdout: '', stderr: '', ...runs[line] }
    },
    ask: async (url) => options.answer?.(url) ?? { status: 401, date: options.now ?? today },
    write: (path, text) => writeFileSync(at(path), text),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  }
}

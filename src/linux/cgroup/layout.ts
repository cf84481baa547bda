import { readFileSync } from 'node:fs'
import { failedPrecondition } from '../../lib/errors.ts'

/** Where the cgroup hierarchies are mounted. */
export type CgroupLayout =
  /** One hierarchy for everything. */
  | { readonly version: 2; readonly root: string }
  /** A hierarchy for each controller (or a few together), and perhaps a v2 one beside them ("hybrid"). */
  | { readonly version: 1; readonly hierarchies: readonly CgroupHierarchy[] }

export interface CgroupHierarchy {
  /** Names of controllers; `name=systemd` for a hierarchy with none; empty for the v2 hierarchy of a hybrid layout. */
  readonly controllers: readonly string[]
  readonly root: string
}

const sysFsCgroup = '/sys/fs/cgroup'

/** The controllers that Linux has had on version 1. */
const controllerNames = new Set(
  'cpu cpuacct cpuset memory devices freezer net_cls net_prio blkio perf_event hugetlb pids rdma misc'.split(' '),
)

/** The layout of this machine. Throws failed-precondition when no cgroups are mounted. */
export function readCgroupLayout(): CgroupLayout {
  return parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'))
}

/**
 * The layout in a mountinfo text (proc_pid_mountinfo(5)). A machine is version 2 when /sys/fs/cgroup itself is; programs
 * that mount a v1 hierarchy elsewhere for their own ends (VPN clients mount net_cls) do not change that.
 */
export function parseCgroupLayout(mountInfo: string): CgroupLayout {
  const mounts = mountInfo.split('\n').flatMap(parseLine)
  const at = mounts.find(({ type, mountPoint }) => type === 'cgroup2' && mountPoint === sysFsCgroup)
  if (at) return { version: 2, root: at.mountPoint }

  const standard = mounts.filter(({ mountPoint }) => mountPoint.startsWith(`${sysFsCgroup}/`))
  const candidates = standard.length > 0 ? standard : mounts
  // The same hierarchy may be mounted several times; its first mount is taken.
  const seen = new Set<string>()
  const hierarchies = candidates.flatMap(({ device, mountPoint, controllers }) => {
    if (seen.has(device)) return []
    seen.add(device)
    return [{ controllers, root: mountPoint }]
  })
  const [only] = hierarchies
  if (only === undefined) throw failedPrecondition(`no cgroups are mounted under ${sysFsCgroup}; mount them (cgroup2)`)
  // A cgroup2 mount somewhere else and no v1 at all.
  if (hierarchies.every(({ controllers }) => controllers.length === 0)) return { version: 2, root: only.root }
  return { version: 1, hierarchies }
}

interface CgroupMount {
  readonly type: 'cgroup' | 'cgroup2'
  readonly device: string
  readonly mountPoint: string
  readonly controllers: readonly string[]
}

/** `id parent major:minor root mountpoint options [optional fields] - type source superoptions` */
function parseLine(line: string): CgroupMount[] {
  const [before = '', after = ''] = line.split(' - ')
  const [, , device = '', , mountPoint = ''] = before.split(' ')
  const [type, , options = ''] = after.split(' ')
  if (type !== 'cgroup' && type !== 'cgroup2') return []
  const controllers = options.split(',').filter((option) => controllerNames.has(option) || option.startsWith('name='))
  return [{ type, device, mountPoint, controllers: type === 'cgroup2' ? [] : controllers }]
}

import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { hostname, release } from 'node:os'
import type { RuntimeFeatures } from './features.ts'
import { parseContexts, type SelinuxContexts } from './selinux/labels.ts'
import { capabilitiesOfMask } from './spec/capabilities.ts'

/** What this host and this process can do, as far as a container's configuration depends on it. */
export interface HostFacts {
  readonly architecture: 'x64' | 'arm64'
  readonly hostname: string
  /** Major and minor. */
  readonly kernel: readonly [number, number]
  /** The capabilities that this process has and may hand on, by name. */
  readonly capabilities: readonly string[]
  /** Of this process, from -1000 to 1000. */
  readonly oomScoreAdj: number
  readonly mayLowerOomScore: boolean
  /** v1 also where a v2 tree is mounted beside it for single controllers (hybrid). */
  readonly cgroupVersion: 1 | 2
  /** The memory controller counts swap. */
  readonly swapLimit: boolean
  readonly hugetlb: boolean
  readonly seccomp: boolean
  readonly apparmor: boolean
  /** The AppArmor profile for containers with the runtime's default one, once it is loaded. */
  readonly apparmorDefault?: string
  /** The labels of containers; absent where SELinux is off or its policy has none. */
  readonly selinuxContexts?: SelinuxContexts
  /** mount_setattr(2), Linux 5.12; the runtime must have it too (option `rro`). */
  readonly recursiveReadOnly: boolean
  /** Pods can have user namespaces of their own: the kernel, the disk of the images and the runtime can map ids of mounts. */
  readonly userNamespaces: boolean
  /** What else the OCI runtime can do; a runtime ignores in silence what it does not know. Absent: nothing of it. */
  readonly runtime?: Pick<RuntimeFeatures, 'scheduling' | 'netDevices' | 'memoryPolicy' | 'intelRdt'>
}

/**
 * Looks at the host, mostly in /proc and /sys; takes about a millisecond and is done once a process, in the one that starts
 * the runtime (its oom_score_adj and capabilities are those that count).
 */
export function probeHostFacts(): HostFacts {
  const status = procStatus(read('/proc/self/status') ?? '')
  const capabilities = capabilitiesOfMask(status.CapEff ?? '0').filter((name) =>
    capabilitiesOfMask(status.CapBnd ?? '0').includes(name),
  )
  const kernel = kernelVersion(release())
  const cgroupVersion = isCgroup2('/sys/fs/cgroup') ? 2 : 1
  return {
    architecture: process.arch === 'arm64' ? 'arm64' : 'x64',
    hostname: hostname(),
    kernel,
    capabilities,
    oomScoreAdj: Number(read('/proc/self/oom_score_adj') ?? 0),
    mayLowerOomScore: capabilities.includes('CAP_SYS_RESOURCE'),
    cgroupVersion,
    swapLimit: existsSync(
      cgroupVersion === 1
        ? '/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'
        : `/sys/fs/cgroup${ownCgroup(read('/proc/self/cgroup') ?? '')}/memory.swap.max`,
    ),
    hugetlb:
      cgroupVersion === 1
        ? existsSync('/sys/fs/cgroup/hugetlb/cgroup.procs')
        : (read('/sys/fs/cgroup/cgroup.controllers') ?? '').split(/\s/).includes('hugetlb'),
    seccomp: status.Seccomp !== undefined,
    apparmor: read('/sys/module/apparmor/parameters/enabled')?.startsWith('Y') ?? false,
    ...probeSelinux(),
    recursiveReadOnly: kernel[0] > 5 || (kernel[0] === 5 && kernel[1] >= 12),
    // Overlays of ID-mapped layers (Linux 5.19) and ID-mapped tmpfs, as the kubelet's volumes are (6.3).
    userNamespaces: kernel[0] > 6 || (kernel[0] === 6 && kernel[1] >= 3),
  }
}

/** The same facts as far as an OCI runtime has its part in them; `features` are undefined for one that cannot tell. */
export function withRuntime(host: HostFacts, features: RuntimeFeatures | undefined): HostFacts {
  const { scheduling = false, netDevices = false, memoryPolicy = false, intelRdt = false } = features ?? {}
  return {
    ...host,
    ...(features && { runtime: { scheduling, netDevices, memoryPolicy, intelRdt } }),
    seccomp: host.seccomp && (features?.seccomp ?? true),
    recursiveReadOnly: host.recursiveReadOnly && (features?.recursiveReadOnly ?? false),
    userNamespaces:
      host.userNamespaces && (features?.idMappedMounts ?? false) && (features?.namespaces.includes('user') ?? false),
  }
}

/** The fields of /proc/self/status (proc_pid_status(5)) by name. */
export function procStatus(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const colon = line.indexOf(':')
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()]]
    }),
  )
}

/** Major and minor of a release such as `6.12.3-amd64`; 0.0 when it is no such text. */
export function kernelVersion(release: string): readonly [number, number] {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? []
  return [Number(major ?? 0), Number(minor ?? 0)]
}

/** The policy's labels for containers (selinux_config(5), lxc_contexts of libselinux). */
function probeSelinux(): Pick<HostFacts, 'selinuxContexts'> {
  if (!existsSync('/sys/fs/selinux/enforce')) return {}
  const policy = /^SELINUXTYPE=(\w+)/m.exec(read('/etc/selinux/config') ?? '')?.[1] ?? 'targeted'
  const selinuxContexts = parseContexts(read(`/etc/selinux/${policy}/contexts/lxc_contexts`) ?? '')
  return selinuxContexts ? { selinuxContexts } : {}
}

/** The path in the v2 tree out of /proc/self/cgroup (line `0::/…`). */
function ownCgroup(text: string): string {
  return /^0::(.*)$/m.exec(text)?.[1] ?? '/'
}

/** CGROUP2_SUPER_MAGIC of `<linux/magic.h>`. */
const cgroup2Magic = 0x63677270

function isCgroup2(path: string): boolean {
  try {
    return statfsSync(path).type === cgroup2Magic
  } catch {
    return false
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

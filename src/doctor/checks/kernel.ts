import { kernelVersion } from '../../oci/host-facts.ts'
import { broken, type Diagnosis, ok, warning } from '../diagnosis.ts'
import type { Machine } from '../machine.ts'
import { runFix } from '../run-fix.ts'

/** What newer kernels bring, as [major, minor] and what is not to be had before. */
const gains: readonly (readonly [number, number, string])[] = [
  [5, 12, 'mounts that are read-only with all below them'],
  [6, 3, 'pods with user namespaces of their own'],
  [6, 15, 'exit codes of containers that end while berthd and its shim are both dead'],
]

/** pidfd_getfd(2) and openat2(2). */
const floor: readonly [number, number] = [5, 6]

export function checkKernel(machine: Machine): Diagnosis[] {
  return [checkVersion(machine), checkOverlay(machine), checkNamespaces(machine), checkSeccomp(machine)]
}

function checkVersion({ release }: Machine): Diagnosis {
  const version = kernelVersion(release)
  if (isBefore(version, floor)) {
    return broken('kernel', {
      found: `Linux ${release}`,
      why: `berthd needs Linux ${floor.join('.')} or newer (pidfd_getfd, openat2)`,
      mend: 'install a newer kernel (Debian: apt install linux-image-amd64), then reboot',
    })
  }
  const missing = gains.filter(([major, minor]) => isBefore(version, [major, minor]))
  if (missing.length === 0) return ok('kernel', `Linux ${release}`)
  const without = missing.map(([major, minor, what]) => `${what} (${major}.${minor})`).join('; ')
  return ok('kernel', `Linux ${release}; without ${without}`)
}

const isBefore = ([major, minor]: readonly [number, number], [m, n]: readonly [number, number]) =>
  major < m || (major === m && minor < n)

function checkOverlay(machine: Machine): Diagnosis {
  if (/^(nodev)?\s*overlay$/m.test(machine.read('/proc/filesystems') ?? '')) {
    return ok('overlay', 'the kernel has the overlay file system')
  }
  return broken('overlay', {
    found: 'the kernel does not have the overlay file system, or has not loaded it',
    why: 'the layers of an image become the root of a container by it',
    mend: 'modprobe overlay && echo overlay > /etc/modules-load.d/berth.conf',
    fix: () => runFix(machine, 'modprobe', 'overlay'),
  })
}

function checkNamespaces(machine: Machine): Diagnosis {
  const needed = ['mnt', 'net', 'ipc', 'uts', 'pid', 'cgroup']
  const missing = needed.filter((name) => !machine.exists(`/proc/self/ns/${name}`))
  if (missing.length > 0) {
    return broken('namespaces', {
      found: `the kernel has no ${missing.join(', ')} namespaces`,
      why: 'pods are made of them',
      mend: 'use a kernel that has them, as that of every distribution does',
    })
  }
  const limit = machine.read('/proc/sys/user/max_user_namespaces')?.trim()
  if (limit === undefined || limit === '0') {
    return warning('namespaces', {
      found: 'user namespaces are off',
      why: 'pods with hostUsers: false cannot run',
      mend: 'sysctl -w user.max_user_namespaces=65536',
    })
  }
  return ok('namespaces', `${needed.join(', ')}, user`)
}

function checkSeccomp(machine: Machine): Diagnosis {
  if (/^Seccomp:/m.test(machine.read('/proc/self/status') ?? '')) return ok('seccomp', 'the kernel has it')
  return warning('seccomp', {
    found: 'the kernel does not have it',
    why: 'profiles that keep containers from dangerous system calls have no effect',
    mend: 'use a kernel with CONFIG_SECCOMP_FILTER',
  })
}

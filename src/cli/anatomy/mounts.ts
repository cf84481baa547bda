import { join } from 'node:path'
import { withoutOctalEscapes } from '../../lib/octal-escapes.ts'
import { readIfThere } from './read-if-there.ts'

/** What a container's file system is made of, by the places in it. */
export interface FileSystems {
  /** Of its root: `overlay`. */
  readonly rootType: string
  /** How many read-only layers are below, and the folder that takes what it writes; of an overlay. */
  readonly layers: number
  readonly upper?: string
  /** Files and folders of the node. */
  readonly fromNode: readonly string[]
  readonly inMemory: readonly string[]
  /** Where the kernel shows itself. */
  readonly fromKernel: readonly string[]
  /** What of that is hidden, or cannot be written to. */
  readonly guarded: readonly string[]
}

interface Mount {
  /** What of its file system is mounted: `/` for all of it. */
  readonly part: string
  readonly target: string
  readonly type: string
  readonly options: string
}

const ofKernel = /^(proc|sysfs|devpts|mqueue|cgroup2?|securityfs|debugfs|bpf|hugetlbfs)$/

/** Reads /proc/PID/mountinfo (proc_pid_mountinfo(5)); undefined when it cannot be read. */
export function fileSystemsOf(proc: string, pid: number): FileSystems | undefined {
  const mounts = readIfThere(join(proc, String(pid), 'mountinfo'))
    .split('\n')
    .flatMap(mountOf)
  const root = mounts.find(({ target }) => target === '/')
  if (!root) return undefined
  const upper = /(?:^|,)upperdir=([^,]*)/.exec(root.options)?.[1]
  const lower = [...root.options.matchAll(/(?:^|,)lowerdir\+?=([^,]*)/g)].flatMap(([, list = '']) => list.split(':'))
  const places = {
    fromNode: new Set<string>(),
    inMemory: new Set<string>(),
    fromKernel: new Set<string>(),
    guarded: new Set<string>(),
  }
  // Of version 1 there is one for each controller.
  const placeOf = (target: string) => target.replace(/^(\/sys\/fs\/cgroup)\/.*/, '$1')
  for (const mount of mounts) if (mount !== root) places[kindOf(mount)].add(placeOf(mount.target))
  return {
    rootType: root.type,
    layers: lower.length,
    ...(upper !== undefined && { upper: withoutOctalEscapes(upper) }),
    fromNode: [...places.fromNode],
    inMemory: [...places.inMemory],
    fromKernel: [...places.fromKernel],
    guarded: [...places.guarded],
  }
}

function kindOf({ part, target, type }: Mount): 'fromNode' | 'inMemory' | 'fromKernel' | 'guarded' {
  if (ofKernel.test(type) && !isBelowKernels(target)) return 'fromKernel'
  if (target.startsWith('/sys/fs/cgroup')) return 'fromKernel'
  if (isBelowKernels(target)) return 'guarded'
  return type === 'tmpfs' && part === '/' ? 'inMemory' : 'fromNode'
}

/** What is mounted there hides something, or makes it read-only. */
const isBelowKernels = (target: string) => /^\/(proc|sys)\//.test(target)

function mountOf(line: string): readonly Mount[] {
  const [before = '', after = ''] = line.split(' - ')
  const [, , , part = '', target] = before.split(' ')
  const [type = '', , options = ''] = after.split(' ')
  return target === undefined ? [] : [{ part, target: withoutOctalEscapes(target), type, options }]
}

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from './eventually.ts'

/**
 * What a container runtime can leave behind on a machine, as sets of lines, one set a kind. Two states are compared line
 * by line, so that a failed test says what was left and where.
 */
export interface MachineState {
  readonly mounts: ReadonlySet<string>
  readonly 'network namespaces': ReadonlySet<string>
  readonly 'network links': ReadonlySet<string>
  readonly 'iptables rules': ReadonlySet<string>
  readonly cgroups: ReadonlySet<string>
  readonly processes: ReadonlySet<string>
  readonly files: ReadonlySet<string>
}

/** What belongs to one test, where the machine as a whole also changes by other hands. */
export interface Belongings {
  /** Processes belong to the test when this is in their command line or their cgroup. */
  readonly mark: string
  /** Folders whose files count. */
  readonly folders: readonly string[]
  /** Lines that do not count. */
  readonly ignore: RegExp
  /** What the lines that the test can have caused have in them, when that is not `mark` alone. */
  readonly signs?: readonly string[]
}

/**
 * Where others run containers on this machine while the tests run: then only what bears a sign of the test is compared,
 * and what has no sign (the host's end of a pod's link) is not.
 */
const sharesMachine = process.env.BERTH_TESTS_SHARE_MACHINE === '1'

export function machineState({ mark, folders, ignore, signs = [mark] }: Belongings): MachineState {
  const counts = (line: string) => !ignore.test(line) && (!sharesMachine || signs.some((sign) => line.includes(sign)))
  const set = (lines: Iterable<string>) => new Set([...lines].filter(counts))
  return {
    mounts: set(mounts()),
    'network namespaces': set([...names('/run/netns'), ...pinnedNamespaces()]),
    'network links': set(names('/sys/class/net')),
    'iptables rules': set([...rules('iptables-save'), ...rules('ip6tables-save')]),
    cgroups: set(cgroups(realpathSync('/sys/fs/cgroup'))),
    processes: set(processes(mark)),
    files: set(folders.flatMap(files)),
  }
}

/** The differences as lines (`left behind in mounts: …`, `gone from mounts: …`); none when the states are the same. */
export function differences(before: MachineState, after: MachineState): readonly string[] {
  return (Object.keys(before) as (keyof MachineState)[]).flatMap((kind) => [
    ...without(after[kind], before[kind]).map((line) => `left behind in ${kind}: ${line}`),
    ...without(before[kind], after[kind]).map((line) => `gone from ${kind}: ${line}`),
  ])
}

function without(lines: ReadonlySet<string>, others: ReadonlySet<string>): readonly string[] {
  return [...lines].filter((line) => !others.has(line))
}

/** Waits until the machine is as it was in `before`; throws with what differs when it does not come to that. */
export async function assertAsBefore(before: MachineState, belongings: Belongings, timeoutMs = 8_000): Promise<void> {
  let left: readonly string[] = []
  const isAsBefore = () => {
    // What does not count was there before, too, perhaps.
    left = differences(before, machineState(belongings)).filter((line) => !isIgnored(line, belongings.ignore))
    return left.length === 0 ? true : undefined
  }
  try {
    await eventually('the machine is as before', isAsBefore, timeoutMs)
  } catch {
    throw new Error(`the machine is not as it was before the test:\n  ${left.join('\n  ')}`)
  }
}

function isIgnored(difference: string, ignore: RegExp): boolean {
  return ignore.test(difference.slice(difference.indexOf(': ') + 2))
}

/** `type source on target`; without the ids, which a remount changes. */
function mounts(): string[] {
  const lines = mountLines().map((line) => {
    const [fields = '', rest = ''] = line.split(' - ')
    const [type, source] = rest.split(' ')
    return `${type} ${source} on ${fields.split(' ')[4]}`
  })
  // Sessions of users come and go.
  return lines.filter((line) => !line.includes(' on /run/user/'))
}

function pinnedNamespaces(): string[] {
  return mountLines()
    .filter((line) => line.includes(' - nsfs '))
    .map((line) => line.split(' ').slice(3, 5).join(' on '))
}

function mountLines(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n')
}

/**
 * The rules, without the chains that CNI's portmap plugin makes once per machine and never removes, and without the lines
 * for tables and built-in chains, which appear when a table is first used.
 */
function rules(command: string): string[] {
  const { stdout, error } = spawnSync(`/usr/sbin/${command}`, { encoding: 'utf8' })
  if (error) throw error
  let table = ''
  return stdout.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line.slice(1)
    if (!line.startsWith('-A') && !line.startsWith(':')) return []
    if (
      /^:\S+ (ACCEPT|DROP) |^:CNI-HOSTPORT-|-j CNI-HOSTPORT-(DNAT|MASQ)$|^-A CNI-HOSTPORT-(MASQ|SETMARK) /.test(line)
    ) {
      return []
    }
    return [`${command.replace('-save', '')} -t ${table} ${line.replace(/ \[\d+:\d+\]$/, '')}`]
  })
}

/** The cgroups of pods and of Berth, in every hierarchy. */
function cgroups(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      return [...(/berth|kubepods|[0-9a-f]{64}/.test(path) ? [path] : []), ...safely(() => cgroups(path))]
    })
}

function processes(mark: string): string[] {
  return names('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .flatMap((pid) =>
      safely(() => {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
        const cgroup = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
        if (!command.includes(mark) && !cgroup.includes(mark)) return []
        return [
          `${pid} ${command.slice(0, 200) || readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(1, 3).join(' ')}`,
        ]
      }),
    )
}

/** The pids of the processes that bear `mark`. */
export function pidsOf(mark: string): number[] {
  return processes(mark).map((line) => Number.parseInt(line, 10))
}

/** The files below a folder, and where links point. */
function files(folder: string): string[] {
  return safely(() =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return [`${path}/`, ...files(path)]
      return [entry.isSymbolicLink() ? `${path} -> ${readlinkSync(path)}` : path]
    }),
  )
}

function names(folder: string): string[] {
  return safely(() => readdirSync(folder))
}

/** Nothing where a file or a process has gone meanwhile. */
function safely(read: () => string[]): string[] {
  try {
    return read()
  } catch {
    return []
  }
}

import type { Cli } from '../cli.ts'
import { parseInfo } from '../format/json.ts'
import { type CgroupUsage, cgroupUsageOf } from './cgroup-usage.ts'
import { type FileSystems, fileSystemsOf } from './mounts.ts'
import { type NamespaceKind, namespacesOf } from './namespaces.ts'
import { ancestorsOf, familyOf, type Process, readProcesses } from './processes.ts'

/** What a pod is on this machine, as lsns, ps, findmnt and the cgroups would show it. */
export interface PodAnatomy {
  readonly name: string
  readonly ips: readonly string[]
  readonly node: Partial<Record<NamespaceKind, string>>
  readonly containers: readonly ContainerAnatomy[]
}

export interface ContainerAnatomy {
  readonly name: string
  /** Who has started it, from the first process of the machine on. */
  readonly ancestors: readonly Process[]
  readonly processes: readonly { readonly process: Process; readonly depth: number }[]
  readonly namespaces: Partial<Record<NamespaceKind, string>>
  readonly cgroup: CgroupUsage | undefined
  readonly files: FileSystems | undefined
}

const machine = { proc: '/proc', cgroups: '/sys/fs/cgroup' }

/** Looks at the running containers of a pod. Throws CriError NOT_FOUND when there is no such pod. */
export async function podAnatomy(cli: Cli, sandboxId: string, roots = machine): Promise<PodAnatomy> {
  const { status } = await cli.cri.runtime.podSandboxStatus({ podSandboxId: sandboxId }, cli.ask)
  const { containers } = await cli.cri.runtime.listContainers({ filter: { podSandboxId: sandboxId } }, cli.ask)
  const processes = readProcesses(roots.proc)
  const found = await Promise.all(
    containers.map(async ({ id, metadata }): Promise<ContainerAnatomy[]> => {
      const { info } = await cli.cri.runtime.containerStatus({ containerId: id, verbose: true }, cli.ask)
      const { pid } = parseInfo(info)
      if (typeof pid !== 'number' || !processes.has(pid)) return []
      return [
        {
          name: metadata?.name ?? '',
          ancestors: ancestorsOf(pid, processes),
          processes: familyOf(pid, processes),
          namespaces: namespacesOf(roots.proc, pid),
          cgroup: cgroupUsageOf(roots.proc, roots.cgroups, pid),
          files: fileSystemsOf(roots.proc, pid),
        },
      ]
    }),
  )
  const { ip = '', additionalIps = [] } = status?.network ?? {}
  return {
    name: `${status?.metadata?.namespace}/${status?.metadata?.name}`,
    ips: [ip, ...additionalIps.map((other) => other.ip)].filter((address) => address !== ''),
    // Those of the first process are not everywhere to be seen, even by root.
    node: { ...namespacesOf(roots.proc, 'self'), ...namespacesOf(roots.proc, 1) },
    containers: found.flat().toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

import { readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** The kinds of namespaces(7), with what a process sees of its own in each. */
export const namespaceKinds = {
  net: 'interfaces, addresses, ports',
  ipc: 'shared memory, message queues',
  uts: 'the host name',
  pid: 'processes and their numbers',
  mnt: 'the file systems',
  cgroup: 'where the cgroups begin',
  user: 'users and rights',
} as const

export type NamespaceKind = keyof typeof namespaceKinds

/** The numbers of the namespaces that a process is in; without those that cannot be seen. */
export function namespacesOf(proc: string, pid: number | 'self'): Partial<Record<NamespaceKind, string>> {
  const kinds = Object.keys(namespaceKinds) as NamespaceKind[]
  return Object.fromEntries(kinds.flatMap((kind) => numberOf(join(proc, String(pid), 'ns', kind), kind)))
}

/** `net:[4026532630]` */
function numberOf(link: string, kind: NamespaceKind): readonly (readonly [NamespaceKind, string])[] {
  try {
    const number = /\[(\d+)\]/.exec(readlinkSync(link))?.[1]
    return number === undefined ? [] : [[kind, number]]
  } catch {
    return []
  }
}

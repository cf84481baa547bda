import { shortId } from '../../lib/ids.ts'
import { describeSize } from '../format/size.ts'
import type { Usage } from './usage.ts'

export type SortKey = 'cpu' | 'memory' | 'name'

/** Whether it runs, as far as its use tells: what has ended takes nothing. */
export const isRunning = ({ cpu, memory }: Usage) => memory > 0 || (cpu ?? 0) > 0

/** Those that take most first, or by name. */
export function sortUsages(usages: readonly Usage[], key: SortKey): Usage[] {
  const byName = (a: Usage, b: Usage) => (`${a.pod}/${a.name}` < `${b.pod}/${b.name}` ? -1 : 1)
  if (key === 'name') return usages.toSorted(byName)
  return usages.toSorted((a, b) => (b[key] ?? 0) - (a[key] ?? 0) || byName(a, b))
}

export function containerRows(
  usages: readonly Usage[],
  { trunc = true }: { readonly trunc?: boolean } = {},
): string[][] {
  const rows = usages.map(({ id, name, pod, cpu, memory, memoryShare, disk, inodes }) => [
    trunc ? shortId(id) : id,
    name,
    pod,
    percent(cpu),
    describeSize(memory),
    percent(memoryShare),
    describeSize(disk),
    String(inodes),
  ])
  return [['CONTAINER', 'NAME', 'POD', 'CPU %', 'MEM', 'LIMIT %', 'DISK', 'INODES'], ...rows]
}

export function podRows(usages: readonly Usage[], { trunc = true }: { readonly trunc?: boolean } = {}): string[][] {
  const rows = usages.map(({ id, pod, cpu, memory, memoryShare, received = 0, sent = 0, processes = 0 }) => [
    trunc ? shortId(id) : id,
    pod,
    percent(cpu),
    describeSize(memory),
    percent(memoryShare),
    describeSize(received),
    describeSize(sent),
    String(processes),
  ])
  return [['POD ID', 'POD', 'CPU %', 'MEM', 'LIMIT %', 'RECEIVED', 'SENT', 'PROCESSES'], ...rows]
}

const percent = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(value < 10 ? 2 : 1))

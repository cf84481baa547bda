import { describeBytes } from '../format/bytes.ts'
import { printable } from '../format/printable.ts'
import { formatTable, type TableOptions } from '../format/table.ts'
import type { CgroupUsage } from './cgroup-usage.ts'
import type { FileSystems } from './mounts.ts'
import { type NamespaceKind, namespaceKinds } from './namespaces.ts'
import type { ContainerAnatomy, PodAnatomy } from './pod-anatomy.ts'
import { processTree } from './process-tree.ts'

/** Draws a pod for somebody who wants to know what a container is: processes, what they see, and what they may use. */
export function drawAnatomy({ name, ips, node, containers }: PodAnatomy, options: TableOptions): string {
  const addresses = ips.join(', ')
  const title = `pod ${printable(name)}${addresses && `, ${addresses}`}: what there is of it on this node\n`
  if (containers.length === 0) return `${title}\nNo container of it runs here.\n`
  const parts = [processTree(containers), namespaceTable(node, containers, addresses), cgroupTable(containers)]
  const tables = parts.map((rows) =>
    formatTable(
      rows.map((row) => row.map(printableCell)),
      options,
    ),
  )
  return [title, ...tables, containers.map(describeFiles).join('')].join('\n')
}

/** The spaces before a cell's text draw. */
const printableCell = (text: string) => `${/^ */.exec(text)?.[0] ?? ''}${printable(text)}`

/** Which namespaces are the node's, which the containers of the pod have in common, and which are a container's own. */
function namespaceTable(
  node: Partial<Record<NamespaceKind, string>>,
  containers: readonly ContainerAnatomy[],
  addresses: string,
): string[][] {
  const kinds = Object.keys(namespaceKinds) as NamespaceKind[]
  const rows = kinds.map((kind) => {
    const numbers = containers.map(({ namespaces }) => namespaces[kind] ?? '?')
    const isOwn = numbers.some((number) => number !== node[kind])
    const isShared = isOwn && numbers.length > 1 && new Set(numbers).size === 1
    const what = `${namespaceKinds[kind]}${kind === 'net' && isOwn && addresses ? `: ${addresses}` : ''}`
    const cells = numbers.map((number) => (number === node[kind] ? "the node's" : number))
    return [kind, node[kind] ?? '?', ...cells, isShared ? `${what} (one for all of the pod)` : what]
  })
  return [['NAMESPACES', 'NODE', ...containers.map(({ name }) => name.toUpperCase()), 'WHAT IT SEPARATES'], ...rows]
}

function cgroupTable(containers: readonly ContainerAnatomy[]): string[][] {
  const rows = containers.map(({ name, cgroup }) => [name, ...usageOf(cgroup)])
  return [['CGROUPS', 'MEMORY', 'PROCESSES', 'CPU', 'CGROUP'], ...rows]
}

function usageOf(cgroup: CgroupUsage | undefined): string[] {
  if (!cgroup) return ['?', '?', '?', '?']
  const { memory, memoryLimit, processes, cpuSeconds, path } = cgroup
  const limit = memoryLimit === undefined ? ', no limit' : ` of ${describeBytes(memoryLimit)}`
  return [
    memory === undefined ? '?' : `${describeBytes(memory)}${limit}`,
    processes === undefined ? '?' : String(processes),
    cpuSeconds === undefined ? '?' : `${cpuSeconds.toFixed(2)} s`,
    path,
  ]
}

function describeFiles({ name, files }: ContainerAnatomy): string {
  const lines = files ? linesOf(files).filter(([, text]) => text !== '') : [['', 'not to be seen from here']]
  return `FILES of ${printable(name)}\n${lines.map(([what = '', text]) => `  ${what.padEnd(10)}  ${text}\n`).join('')}`
}

function linesOf({ rootType, layers, upper, fromNode, inMemory, fromKernel, guarded }: FileSystems): string[][] {
  const places = (list: readonly string[]) => list.map(printable).join(' ')
  const ofLayers = `${rootType} of ${layers} read-only ${layers === 1 ? 'layer' : 'layers'} of the image`
  return [
    ['/', upper === undefined ? rootType : `${ofLayers}; what is written goes to ${printable(upper)}`],
    ["the node's", places(fromNode)],
    ['in memory', places(inMemory)],
    ['the kernel', places(fromKernel)],
    ['guarded', places(guarded)],
  ]
}

import { parseMilli, parseUnits } from './quantity.ts'
import type { ContainerResources } from './resources.ts'

/** What containers can be told of their pod and its node, by environment and by files (the "downward API"). */
export interface PodFacts {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly serviceAccount: string
  /** The pod's addresses, the primary one first. */
  readonly ips: readonly string[]
  readonly node: NodeFacts
}

export interface NodeFacts {
  readonly name: string
  readonly ips: readonly string[]
  /** Bytes. */
  readonly memory: number
  readonly cores: number
}

const facts: Readonly<Record<string, (pod: PodFacts) => string>> = {
  'metadata.name': (pod) => pod.name,
  'metadata.namespace': (pod) => pod.namespace,
  'metadata.uid': (pod) => pod.uid,
  'metadata.labels': (pod) => describeMap(pod.labels),
  'metadata.annotations': (pod) => describeMap(pod.annotations),
  'spec.nodeName': (pod) => pod.node.name,
  'spec.serviceAccountName': (pod) => pod.serviceAccount,
  'status.hostIP': (pod) => pod.node.ips[0] ?? '',
  'status.hostIPs': (pod) => pod.node.ips.join(','),
  'status.podIP': (pod) => pod.ips[0] ?? '',
  'status.podIPs': (pod) => pod.ips.join(','),
}

/** `metadata.labels['app']` and the like. */
const mapEntry = /^metadata\.(labels|annotations)\['([^']+)'\]$/

export const isFact = (field: string) => facts[field] !== undefined || mapEntry.test(field)

/** The value of a field of a pod; undefined for one that is not known. */
export function factOf(field: string, pod: PodFacts): string | undefined {
  const [, map, key] = mapEntry.exec(field) ?? []
  if (map === 'labels' || map === 'annotations') return pod[map][key ?? ''] ?? ''
  return facts[field]?.(pod)
}

/** One line an entry, sorted, the values quoted as Go does. */
function describeMap(map: Readonly<Record<string, string>>): string {
  const lines = Object.entries(map).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  return lines.toSorted().join('\n')
}

/** Which of a container's resources, in units of what. */
export interface ResourceField {
  readonly container: string | undefined
  readonly resource: string
  readonly divisor: string
}

const resourceFields = ['limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory']

export const isResourceField = (resource: string) => resourceFields.includes(resource)

/** The amount in units of the divisor, rounded up; a limit that is not set is what the node has. */
export function resourceOf(
  { resource, divisor }: ResourceField,
  resources: ContainerResources,
  node: NodeFacts,
): string {
  const cpu = resource.endsWith('.cpu')
  const unit = cpu ? parseMilli(divisor, 'divisor') : parseUnits(divisor, 'divisor')
  const amounts = resource.startsWith('limits.') ? resources.limits : resources.requests
  const available = cpu ? BigInt(node.cores) * 1000n : BigInt(node.memory)
  const amount = (cpu ? amounts.cpu : amounts.memory) ?? (resource.startsWith('limits.') ? available : 0n)
  return String((amount + unit - 1n) / unit)
}

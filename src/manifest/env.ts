import { expandVariables } from './expand.ts'
import type { Fields } from './fields.ts'

/** An environment variable: its value, or the field of the pod that has it. */
export interface EnvVar {
  readonly name: string
  /** Not yet expanded. Undefined when it comes from a field, or from a source that is not supported. */
  readonly value: string | undefined
  readonly field: string | undefined
}

/** What the environment can be told of the pod. */
export interface PodFacts {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** The pod's addresses, the primary one first. */
  readonly ips: readonly string[]
}

const facts: Readonly<Record<string, (pod: PodFacts) => string>> = {
  'metadata.name': (pod) => pod.name,
  'metadata.namespace': (pod) => pod.namespace,
  'metadata.uid': (pod) => pod.uid,
  'status.podIP': (pod) => pod.ips[0] ?? '',
  'status.podIPs': (pod) => pod.ips.join(','),
}

/** `metadata.labels['app']` and the like. */
const mapEntry = /^metadata\.(labels|annotations)\['([^']+)'\]$/

export function readEnv(fields: Fields): EnvVar {
  const name = fields.requiredString('name')
  const reference = fields.object('valueFrom')?.object('fieldRef')
  // The version of the API the path is for; there is one.
  reference?.string('apiVersion')
  const field = reference?.requiredString('fieldPath')
  if (field !== undefined && facts[field] === undefined && !mapEntry.test(field)) reference?.ignore('fieldPath')
  const value = fields.string('value')
  const hasSource = fields.has('valueFrom')
  return { name, value: hasSource ? undefined : (value ?? ''), field }
}

/** The environment with all values known: each may refer to those before it. Variables without a source are left out. */
export function resolveEnv(env: readonly EnvVar[], pod: PodFacts): Map<string, string> {
  const variables = new Map<string, string>()
  for (const { name, value, field } of env) {
    const found = field === undefined ? value && expandVariables(value, variables) : factOf(field, pod)
    if (found !== undefined) variables.set(name, found)
  }
  return variables
}

function factOf(field: string, pod: PodFacts): string | undefined {
  const [, map, key] = mapEntry.exec(field) ?? []
  if (map === 'labels' || map === 'annotations') return pod[map][key ?? ''] ?? ''
  return facts[field]?.(pod)
}

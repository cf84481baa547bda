import type { V1EnvFromSource, V1EnvVar, V1ObjectFieldSelector, V1ResourceFieldSelector } from '@kubernetes/client-node'
import { failedPrecondition, invalidArgument } from '../lib/errors.ts'
import type { ConfigData, ConfigKind, ConfigLookup } from './config-data.ts'
import { expandVariables } from './expand.ts'
import { factOf, isFact, isResourceField, type PodFacts, type ResourceField, resourceOf } from './facts.ts'
import type { Fields } from './fields.ts'
import { parseUnits } from './quantity.ts'
import type { ContainerResources } from './resources.ts'

/** An environment variable and where its value comes from. */
export interface EnvVar {
  readonly name: string
  readonly source: EnvSource
}

export type EnvSource =
  /** Not yet expanded. */
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'field'; readonly field: string }
  | { readonly kind: 'resource'; readonly field: ResourceField }
  | { readonly kind: 'key'; readonly of: ConfigRef; readonly key: string }
  | { readonly kind: 'unsupported' }

/** A ConfigMap or a Secret that something is taken of. */
export interface ConfigRef {
  readonly kind: ConfigKind
  readonly name: string
  /** Nothing is wrong when it, or the key, is not there. */
  readonly optional: boolean
}

/** All keys of a ConfigMap or Secret as variables. */
export interface EnvFrom {
  readonly prefix: string
  readonly of: ConfigRef
}

export function readEnv(fields: Fields<V1EnvVar>): EnvVar {
  const name = fields.requiredString('name')
  const value = fields.string('value')
  const from = fields.object('valueFrom')
  if (!from) return { name, source: { kind: 'value', value: value ?? '' } }
  const field = from.object('fieldRef')
  if (field) return { name, source: readFieldRef(field) }
  const resource = from.object('resourceFieldRef')
  if (resource) return { name, source: readResourceFieldRef(resource) }
  const map = from.object('configMapKeyRef')
  if (map) return { name, source: { kind: 'key', key: map.requiredString('key'), of: readConfigRef(map, 'ConfigMap') } }
  const secret = from.object('secretKeyRef')
  if (secret) {
    return { name, source: { kind: 'key', key: secret.requiredString('key'), of: readConfigRef(secret, 'Secret') } }
  }
  return { name, source: { kind: 'unsupported' } }
}

export function readEnvFrom(fields: Fields<V1EnvFromSource>): EnvFrom {
  const prefix = fields.string('prefix') ?? ''
  const map = fields.object('configMapRef')
  const secret = fields.object('secretRef')
  if (map) return { prefix, of: readConfigRef(map, 'ConfigMap') }
  if (secret) return { prefix, of: readConfigRef(secret, 'Secret') }
  throw invalidArgument(`${fields.path} needs configMapRef or secretRef`)
}

export function readConfigRef(fields: Fields<{ name?: string; optional?: boolean }>, kind: ConfigKind): ConfigRef {
  return { kind, name: fields.requiredString('name'), optional: fields.boolean('optional') ?? false }
}

/** A reference to a field of the pod; `unsupported`, and named to the user, when there is no such field here. */
export function readFieldRef(
  fields: Fields<V1ObjectFieldSelector>,
): { readonly kind: 'field'; readonly field: string } | { readonly kind: 'unsupported' } {
  // The version of the API the path is for; there is one.
  fields.string('apiVersion')
  const field = fields.requiredString('fieldPath')
  if (isFact(field)) return { kind: 'field', field }
  fields.ignore('fieldPath')
  return { kind: 'unsupported' }
}

export function readResourceFieldRef(
  fields: Fields<V1ResourceFieldSelector>,
): { readonly kind: 'resource'; readonly field: ResourceField } | { readonly kind: 'unsupported' } {
  const resource = fields.requiredString('resource')
  const container = fields.string('containerName')
  const given = fields.quantity('divisor') ?? '1'
  const divisor = given === '0' ? '1' : given
  parseUnits(divisor, `${fields.path}.divisor`)
  if (isResourceField(resource)) return { kind: 'resource', field: { resource, container, divisor } }
  fields.ignore('resource')
  return { kind: 'unsupported' }
}

/** Where the values of variables come from. */
export interface EnvContext {
  readonly pod: PodFacts
  readonly lookup: ConfigLookup
  /** The resources of a container of the pod; of the one whose environment it is when no name is given. */
  readonly resourcesOf: (container: string | undefined) => ContainerResources
}

/**
 * The environment with all values known: first what whole ConfigMaps and Secrets give, then single variables, each of
 * which may
 * refer to those before it. Variables without a source are left out.
 *
 * @throws BerthError failed-precondition when a ConfigMap, a Secret or a key is not there and not optional
 */
export function resolveEnv(from: readonly EnvFrom[], env: readonly EnvVar[], context: EnvContext): Map<string, string> {
  const variables = new Map<string, string>()
  for (const { prefix, of } of from) {
    for (const [key, value] of findConfig(of, context) ?? []) variables.set(prefix + key, textOf(value))
  }
  for (const { name, source } of env) {
    const value = valueOf(source, variables, context)
    if (value !== undefined) variables.set(name, value)
  }
  return variables
}

function valueOf(source: EnvSource, variables: ReadonlyMap<string, string>, context: EnvContext): string | undefined {
  switch (source.kind) {
    case 'value':
      return expandVariables(source.value, variables)
    case 'field':
      return factOf(source.field, context.pod)
    case 'resource':
      return resourceOf(source.field, context.resourcesOf(source.field.container), context.pod.node)
    case 'key': {
      const value = findConfig(source.of, context)?.get(source.key)
      if (value !== undefined) return textOf(value)
      if (source.of.optional) return undefined
      throw failedPrecondition(`${source.of.kind} "${source.of.name}" has no key "${source.key}"`)
    }
    case 'unsupported':
      return undefined
  }
}

/** @throws BerthError failed-precondition when it is not there and not optional */
export function findConfig(
  { kind, name, optional }: ConfigRef,
  { pod, lookup }: { readonly pod: Pick<PodFacts, 'namespace'>; readonly lookup: ConfigLookup },
): ConfigData | undefined {
  const data = lookup(kind, pod.namespace, name)
  if (data === undefined && !optional) {
    throw failedPrecondition(
      `there is no ${kind} "${name}" in the namespace ${pod.namespace}: add its manifest beside the pod's`,
    )
  }
  return data
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString()

import type { V1ConfigMap, V1Secret } from '@kubernetes/client-node'
import { invalidArgument } from '../lib/errors.ts'
import type { Fields } from './fields.ts'
import { checkName } from './names.ts'

/** The contents of a ConfigMap or a Secret, by key. */
export type ConfigData = ReadonlyMap<string, Uint8Array>

export type ConfigKind = 'ConfigMap' | 'Secret'

export interface ConfigDocument {
  readonly kind: ConfigKind
  readonly namespace: string
  readonly name: string
  readonly data: ConfigData
}

/** Finds a ConfigMap or a Secret; undefined when there is none. */
export type ConfigLookup = (kind: ConfigKind, namespace: string, name: string) => ConfigData | undefined

export function lookupIn(documents: readonly ConfigDocument[]): ConfigLookup {
  return (kind, namespace, name) =>
    documents.find((other) => other.kind === kind && other.namespace === namespace && other.name === name)?.data
}

/** What the API server takes as a key: the name of a file, and no other. */
export const isConfigKey = (key: string) => /^[-._a-zA-Z0-9]{1,253}$/.test(key) && !key.startsWith('..') && key !== '.'

export function readConfigMap(fields: Fields<V1ConfigMap>): ConfigDocument {
  fields.boolean('immutable')
  const plain = fields.stringMap('data')
  return document(fields, 'ConfigMap', [
    ...Object.entries(plain).map(([key, value]) => [key, Buffer.from(value)] as const),
    ...decoded(fields.stringMap('binaryData'), `${fields.path}binaryData`),
  ])
}

export function readSecret(fields: Fields<V1Secret>): ConfigDocument {
  fields.boolean('immutable')
  // Says which keys there should be; what is missing shows where it is used.
  fields.string('type')
  const plain = fields.stringMap('stringData')
  return document(fields, 'Secret', [
    ...decoded(fields.stringMap('data'), `${fields.path}data`),
    ...Object.entries(plain).map(([key, value]) => [key, Buffer.from(value)] as const),
  ])
}

function document(
  fields: Fields<V1ConfigMap | V1Secret>,
  kind: ConfigKind,
  entries: readonly (readonly [string, Uint8Array])[],
): ConfigDocument {
  const metadata = fields.object('metadata')
  if (!metadata) throw invalidArgument(`a ${kind} needs metadata`)
  const name = checkName(metadata.requiredString('name'), 'metadata.name', { dots: true })
  const namespace = checkName(metadata.string('namespace') || 'default', 'metadata.namespace')
  // Nobody selects these by label here.
  metadata.stringMap('labels')
  metadata.stringMap('annotations')
  const odd = entries.find(([key]) => !isConfigKey(key))
  if (odd)
    throw invalidArgument(`${kind} "${name}": "${odd[0]}" cannot be a key: letters, digits, dots, dashes, underscores`)
  return { kind, namespace, name, data: new Map(entries) }
}

function decoded(values: Readonly<Record<string, string>>, path: string) {
  return Object.entries(values).map(([key, value]) => {
    const text = value.replaceAll(/\s/g, '')
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw invalidArgument(`${path}.${key} is not base64`)
    return [key, Buffer.from(text, 'base64')] as const
  })
}

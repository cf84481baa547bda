import type {
  V1ConfigMapVolumeSource,
  V1DownwardAPIVolumeSource,
  V1KeyToPath,
  V1SecretVolumeSource,
  V1VolumeProjection,
} from '@kubernetes/client-node'
import { failedPrecondition, invalidArgument } from '../lib/errors.ts'
import {
  type ConfigRef,
  type EnvContext,
  findConfig,
  readConfigRef,
  readFieldRef,
  readResourceFieldRef,
} from './env.ts'
import { factOf, resourceOf } from './facts.ts'
import type { Fields } from './fields.ts'
import { checkSubPath } from './sub-path.ts'
import type { FilesVolume } from './volumes.ts'

/** What some of a volume's files are made of. */
export type FileSource =
  | { readonly kind: 'config'; readonly of: ConfigRef; readonly items: readonly KeyFile[] | undefined }
  | { readonly kind: 'downward'; readonly items: readonly DownwardFile[] }

interface KeyFile {
  readonly key: string
  readonly path: string
  readonly mode: number | undefined
}

interface DownwardFile {
  readonly path: string
  readonly mode: number | undefined
  readonly source: ReturnType<typeof readFieldRef> | ReturnType<typeof readResourceFieldRef>
}

export function readConfigMapFiles(fields: Fields<V1ConfigMapVolumeSource>): FileSource {
  return { kind: 'config', of: readConfigRef(fields, 'ConfigMap'), items: readItems(fields) }
}

export function readSecretFiles(fields: Fields<V1SecretVolumeSource>): FileSource {
  const name = fields.requiredString('secretName')
  const of = { kind: 'Secret', name, optional: fields.boolean('optional') ?? false } as const
  return { kind: 'config', of, items: readItems(fields) }
}

export function readDownwardFiles(fields: Fields<Pick<V1DownwardAPIVolumeSource, 'items'>>): FileSource {
  const items = fields.objects('items').map((item) => {
    const field = item.object('fieldRef')
    const resource = item.object('resourceFieldRef')
    if (!field && !resource) throw invalidArgument(`${item.path} needs fieldRef or resourceFieldRef`)
    const source = field ? readFieldRef(field) : resource ? readResourceFieldRef(resource) : undefined
    return { path: readPath(item), mode: item.integer('mode'), source: source ?? { kind: 'unsupported' as const } }
  })
  return { kind: 'downward', items }
}

/** One source of a projected volume; none for a kind that is not supported, which is named to the user. */
export function readProjection(fields: Fields<V1VolumeProjection>): FileSource[] {
  const configMap = fields.object('configMap')
  const secret = fields.object('secret')
  const downward = fields.object('downwardAPI')
  return [
    ...(configMap
      ? [{ kind: 'config', of: readConfigRef(configMap, 'ConfigMap'), items: readItems(configMap) } as const]
      : []),
    ...(secret ? [{ kind: 'config', of: readConfigRef(secret, 'Secret'), items: readItems(secret) } as const] : []),
    ...(downward ? [readDownwardFiles(downward)] : []),
  ]
}

function readItems(fields: Fields<{ items?: V1KeyToPath[] }>): KeyFile[] | undefined {
  if (!fields.has('items')) return undefined
  return fields.objects('items').map((item) => ({
    key: item.requiredString('key'),
    path: readPath(item),
    mode: item.integer('mode'),
  }))
}

function readPath(fields: Fields<{ path: string }>): string {
  const path = fields.requiredString('path')
  checkSubPath(path, `${fields.path}.path`)
  // Names that begin so are those of the files behind the files.
  if (path.startsWith('..')) throw invalidArgument(`${fields.path}.path must not begin with ".."`)
  return path
}

export interface VolumeFile {
  readonly content: Uint8Array
  readonly mode: number
}

/**
 * The files of a volume, by path.
 *
 * @throws BerthError failed-precondition when a ConfigMap, a Secret or a key is not there and not optional
 */
export function filesOf({ sources, defaultMode }: FilesVolume, context: EnvContext): Map<string, VolumeFile> {
  const files = new Map<string, VolumeFile>()
  for (const source of sources) {
    if (source.kind === 'downward') {
      for (const { path, mode, source: from } of source.items) {
        const text = downwardText(from, context)
        if (text !== undefined) files.set(path, { content: Buffer.from(text), mode: mode ?? defaultMode })
      }
      continue
    }
    const data = findConfig(source.of, context) ?? new Map<string, Uint8Array>()
    const items = source.items ?? Array.from(data.keys(), (key) => ({ key, path: key, mode: undefined }))
    for (const { key, path, mode } of items) {
      const content = data.get(key)
      if (content) files.set(path, { content, mode: mode ?? defaultMode })
      else if (!source.of.optional)
        throw failedPrecondition(`${source.of.kind} "${source.of.name}" has no key "${key}"`)
    }
  }
  return files
}

function downwardText(source: DownwardFile['source'], { pod, resourcesOf }: EnvContext): string | undefined {
  switch (source.kind) {
    case 'field':
      return factOf(source.field, pod)
    case 'resource':
      return resourceOf(source.field, resourcesOf(source.field.container), pod.node)
    case 'unsupported':
      return undefined
  }
}

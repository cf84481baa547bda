import type { V1EmptyDirVolumeSource, V1HostPathVolumeSource, V1Volume, V1VolumeMount } from '@kubernetes/client-node'
import { MountPropagation } from '../client/index.ts'
import { invalidArgument } from '../lib/errors.ts'
import type { Fields } from './fields.ts'
import { checkName } from './names.ts'
import { checkPullPolicy, type PullPolicy } from './pull-policy.ts'
import { parseUnits } from './quantity.ts'
import { checkSubPath } from './sub-path.ts'
import {
  type FileSource,
  readConfigMapFiles,
  readDownwardFiles,
  readProjection,
  readSecretFiles,
} from './volume-files.ts'

/** A volume of a pod. `unsupported` ones are left out of the containers, and named to the user. */
export type Volume =
  | EmptyDir
  | { readonly kind: 'host-path'; readonly name: string; readonly path: string; readonly type: HostPathType }
  | FilesVolume
  | { readonly kind: 'image'; readonly name: string; readonly reference: string; readonly pullPolicy: PullPolicy }
  | { readonly kind: 'unsupported'; readonly name: string }

export interface EmptyDir {
  readonly kind: 'empty-dir'
  readonly name: string
  /** In memory, of at most so many bytes when that is said. */
  readonly memory: { readonly limit: bigint | undefined } | undefined
}

/** Files made of ConfigMaps, Secrets and the pod's fields. */
export interface FilesVolume {
  readonly kind: 'files'
  readonly name: string
  readonly sources: readonly FileSource[]
  readonly defaultMode: number
}

const hostPathTypes = [
  '',
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
] as const

export type HostPathType = (typeof hostPathTypes)[number]

export interface VolumeMount {
  /** The volume's name. */
  readonly volume: string
  readonly mountPath: string
  readonly subPath: string
  /** Whether variables in subPath are replaced (subPathExpr). */
  readonly expandSubPath: boolean
  readonly readOnly: boolean
  /** Also the mounts below it. */
  readonly recursiveReadOnly: boolean
  readonly propagation: MountPropagation
}

export function readVolume(fields: Fields<V1Volume>): Volume {
  const name = checkName(fields.requiredString('name'), `${fields.path}.name`)
  if (fields.has('emptyDir')) return readEmptyDir(name, fields.object('emptyDir'))
  const hostPath = fields.object('hostPath')
  if (hostPath) return readHostPath(name, hostPath)
  const image = fields.object('image')
  if (image) {
    const reference = image.requiredString('reference')
    const pullPolicy = checkPullPolicy(image.string('pullPolicy'), reference, `${image.path}.pullPolicy`)
    return { kind: 'image', name, reference, pullPolicy }
  }
  const configMap = fields.object('configMap')
  const secret = fields.object('secret')
  const downward = fields.object('downwardAPI')
  const projected = fields.object('projected')
  const modes = configMap ?? secret ?? downward ?? projected
  if (!modes) return { kind: 'unsupported', name }
  const sources = [
    ...(configMap ? [readConfigMapFiles(configMap)] : []),
    ...(secret ? [readSecretFiles(secret)] : []),
    ...(downward ? [readDownwardFiles(downward)] : []),
    ...(projected?.objects('sources').flatMap(readProjection) ?? []),
  ]
  return { kind: 'files', name, sources, defaultMode: modes.integer('defaultMode') ?? 0o644 }
}

function readEmptyDir(name: string, fields: Fields<V1EmptyDirVolumeSource> | undefined): EmptyDir {
  const limit = fields?.quantity('sizeLimit')
  if (fields?.string('medium') === 'Memory') {
    return {
      kind: 'empty-dir',
      name,
      memory: { limit: limit === undefined ? undefined : parseUnits(limit, `${fields.path}.sizeLimit`) },
    }
  }
  // On disk nothing keeps to a limit, and huge pages are not mounted: what asks for them is told so.
  if (fields?.string('medium')) fields.ignore('medium', 'Memory is the only one; this volume is on disk')
  if (limit !== undefined) fields?.ignore('sizeLimit', 'only a volume in memory has a limit')
  return { kind: 'empty-dir', name, memory: undefined }
}

function readHostPath(name: string, fields: Fields<V1HostPathVolumeSource>): Volume {
  const type = hostPathTypes.find((known) => known === (fields.string('type') ?? ''))
  if (type === undefined) throw invalidArgument(`${fields.path}.type must be one of ${hostPathTypes.join(', ')}`)
  const path = fields.requiredString('path')
  if (!path.startsWith('/')) throw invalidArgument(`${fields.path}.path must be absolute`)
  return { kind: 'host-path', name, path, type }
}

const propagations: Readonly<Record<string, MountPropagation>> = {
  None: MountPropagation.PROPAGATION_PRIVATE,
  HostToContainer: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  Bidirectional: MountPropagation.PROPAGATION_BIDIRECTIONAL,
}

export function readVolumeMount(fields: Fields<V1VolumeMount>): VolumeMount {
  const propagation = propagations[fields.string('mountPropagation') ?? 'None']
  if (propagation === undefined) {
    throw invalidArgument(`${fields.path}.mountPropagation must be None, HostToContainer or Bidirectional`)
  }
  const recursive = fields.string('recursiveReadOnly') ?? 'Disabled'
  if (recursive !== 'Disabled' && recursive !== 'Enabled') fields.ignore('recursiveReadOnly')
  const expression = fields.string('subPathExpr')
  const subPath = expression ?? fields.string('subPath') ?? ''
  checkSubPath(subPath, `${fields.path}.subPath`)
  return {
    volume: fields.requiredString('name'),
    mountPath: fields.requiredString('mountPath'),
    subPath,
    expandSubPath: expression !== undefined,
    readOnly: fields.boolean('readOnly') ?? false,
    recursiveReadOnly: recursive === 'Enabled',
    propagation,
  }
}

import { MountPropagation } from '../client/index.ts'
import { invalidArgument } from '../lib/errors.ts'
import type { Fields } from './fields.ts'
import { checkName } from './names.ts'

/** A volume of a pod. `unsupported` ones are left out of the containers, and named to the user. */
export type Volume =
  | { readonly kind: 'empty-dir'; readonly name: string }
  | { readonly kind: 'host-path'; readonly name: string; readonly path: string; readonly type: HostPathType }
  | { readonly kind: 'unsupported'; readonly name: string }

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
  readonly readOnly: boolean
  readonly propagation: MountPropagation
}

export function readVolume(fields: Fields): Volume {
  const name = checkName(fields.requiredString('name'), `${fields.path}.name`)
  if (fields.has('emptyDir')) {
    const emptyDir = fields.object('emptyDir')
    // On disk like the others; what asks for memory or a limit gets neither and is told so.
    if (emptyDir?.string('medium')) emptyDir.ignore('medium')
    return { kind: 'empty-dir', name }
  }
  const hostPath = fields.object('hostPath')
  if (hostPath) {
    const type = hostPathTypes.find((known) => known === (hostPath.string('type') ?? ''))
    if (type === undefined) throw invalidArgument(`${hostPath.path}.type must be one of ${hostPathTypes.join(', ')}`)
    const path = hostPath.requiredString('path')
    if (!path.startsWith('/')) throw invalidArgument(`${hostPath.path}.path must be absolute`)
    return { kind: 'host-path', name, path, type }
  }
  return { kind: 'unsupported', name }
}

const propagations: Readonly<Record<string, MountPropagation>> = {
  None: MountPropagation.PROPAGATION_PRIVATE,
  HostToContainer: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  Bidirectional: MountPropagation.PROPAGATION_BIDIRECTIONAL,
}

export function readVolumeMount(fields: Fields): VolumeMount {
  const propagation = propagations[fields.string('mountPropagation') ?? 'None']
  if (propagation === undefined) {
    throw invalidArgument(`${fields.path}.mountPropagation must be None, HostToContainer or Bidirectional`)
  }
  const subPath = fields.string('subPath') ?? ''
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
    throw invalidArgument(`${fields.path}.subPath must be relative and must not contain ".."`)
  }
  return {
    volume: fields.requiredString('name'),
    mountPath: fields.requiredString('mountPath'),
    subPath,
    readOnly: fields.boolean('readOnly') ?? false,
    propagation,
  }
}

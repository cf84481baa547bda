import type { MessageInitShape } from '@bufbuild/protobuf'
import type { V1PodSecurityContext, V1SeccompProfile, V1SecurityContext } from '@kubernetes/client-node'
import {
  type SELinuxOptionSchema,
  SecurityProfile_ProfileType,
  SupplementalGroupsPolicy,
  type SecurityProfileSchema,
} from '../client/index.ts'
import { invalidArgument } from '../lib/errors.ts'
import type { Fields } from './fields.ts'

type Profile = MessageInitShape<typeof SecurityProfileSchema>

/** The fields that both kinds of securityContext have. */
type CommonContext = Pick<V1SecurityContext, keyof V1SecurityContext & keyof V1PodSecurityContext>

/** What a pod and its containers can both say; a container's word wins. */
interface CommonSecurity {
  readonly runAsUser: number | undefined
  readonly runAsGroup: number | undefined
  readonly runAsNonRoot: boolean | undefined
  readonly seLinux: MessageInitShape<typeof SELinuxOptionSchema> | undefined
  readonly seccomp: Profile | undefined
  readonly appArmor: Profile | undefined
}

export interface PodSecurity extends CommonSecurity {
  /** With fsGroup, which is one of every container's groups. */
  readonly supplementalGroups: readonly number[]
  /** Whether the groups that the image gives the user count. */
  readonly groupsPolicy: SupplementalGroupsPolicy
  /** The group that the files of the pod's volumes belong to. */
  readonly fsGroup: number | undefined
  readonly sysctls: Readonly<Record<string, string>>
}

export interface ContainerSecurity extends CommonSecurity {
  readonly privileged: boolean
  readonly readOnlyRootFilesystem: boolean
  readonly allowPrivilegeEscalation: boolean | undefined
  readonly addCapabilities: readonly string[]
  readonly dropCapabilities: readonly string[]
  readonly unmaskedProc: boolean
}

/** Where the kubelet looks for seccomp profiles of type Localhost. */
const seccompFolder = '/var/lib/kubelet/seccomp'

export function readPodSecurity(fields: Fields<V1PodSecurityContext> | undefined): PodSecurity {
  const sysctls = fields?.objects('sysctls') ?? []
  const fsGroup = fields?.integer('fsGroup')
  const groupsPolicy = fields?.string('supplementalGroupsPolicy') ?? 'Merge'
  if (groupsPolicy !== 'Merge' && groupsPolicy !== 'Strict') {
    throw invalidArgument(`${fields?.path}.supplementalGroupsPolicy must be Merge or Strict`)
  }
  // Volumes of a pod are made for it, so there is nothing to leave as it is.
  fields?.string('fsGroupChangePolicy')
  return {
    ...readCommon(fields),
    supplementalGroups: [
      ...(fields?.integers('supplementalGroups') ?? []),
      ...(fsGroup === undefined ? [] : [fsGroup]),
    ],
    groupsPolicy: SupplementalGroupsPolicy[groupsPolicy],
    fsGroup,
    sysctls: Object.fromEntries(
      sysctls.map((sysctl) => [sysctl.requiredString('name').replaceAll('/', '.'), sysctl.quantity('value') ?? '']),
    ),
  }
}

export function readContainerSecurity(fields: Fields<V1SecurityContext> | undefined): ContainerSecurity {
  const capabilities = fields?.object('capabilities')
  const procMount = fields?.string('procMount') ?? 'Default'
  if (procMount !== 'Default' && procMount !== 'Unmasked') {
    throw invalidArgument(`${fields?.path}.procMount must be Default or Unmasked`)
  }
  return {
    ...readCommon(fields),
    privileged: fields?.boolean('privileged') ?? false,
    readOnlyRootFilesystem: fields?.boolean('readOnlyRootFilesystem') ?? false,
    allowPrivilegeEscalation: fields?.boolean('allowPrivilegeEscalation'),
    addCapabilities: capabilities?.strings('add') ?? [],
    dropCapabilities: capabilities?.strings('drop') ?? [],
    unmaskedProc: procMount === 'Unmasked',
  }
}

function readCommon(fields: Fields<CommonContext> | undefined): CommonSecurity {
  const seLinux = fields?.object('seLinuxOptions')
  return {
    runAsUser: fields?.integer('runAsUser'),
    runAsGroup: fields?.integer('runAsGroup'),
    runAsNonRoot: fields?.boolean('runAsNonRoot'),
    seLinux: seLinux && {
      user: seLinux.string('user') ?? '',
      role: seLinux.string('role') ?? '',
      type: seLinux.string('type') ?? '',
      level: seLinux.string('level') ?? '',
    },
    seccomp: readProfile(fields?.object('seccompProfile'), (name) => `${seccompFolder}/${name}`),
    appArmor: readProfile(fields?.object('appArmorProfile'), (name) => name),
  }
}

function readProfile(
  fields: Fields<V1SeccompProfile> | undefined,
  localhostRef: (name: string) => string,
): Profile | undefined {
  if (fields === undefined) return undefined
  switch (fields.requiredString('type')) {
    case 'RuntimeDefault':
      return { profileType: SecurityProfile_ProfileType.RuntimeDefault }
    case 'Unconfined':
      return { profileType: SecurityProfile_ProfileType.Unconfined }
    case 'Localhost': {
      const path = localhostRef(fields.requiredString('localhostProfile'))
      return { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: path }
    }
    default:
      throw invalidArgument(`${fields.path}.type must be RuntimeDefault, Unconfined or Localhost`)
  }
}

/** The paths below /proc and /sys that the kubelet has hidden from containers that are not privileged. */
export const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]

/** Those that it has made read-only. */
export const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

import {
  type LinuxContainerSecurityContext,
  type SecurityProfile,
  SecurityProfile_ProfileType as ProfileType,
} from '../../gen/cri_pb.ts'
import { failedPrecondition, internal, invalidArgument } from '../../lib/errors.ts'
import type { Seccomp } from '../runtime-spec.ts'
import { containerPath } from './checks.ts'
import { defaultSeccomp } from './seccomp-profile.ts'

/** Hidden from a container that says nothing about it. */
export const defaultMaskedPaths: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
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

/** Read-only in a container that says nothing about it. */
export const defaultReadonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
]

/**
 * The paths of /proc and /sys that the container does not see or cannot change. The kubelet always sends lists, empty ones
 * for `procMount: Unmasked`; the defaults are for a client that sends no security context at all.
 */
export function protectedPaths(
  security: Pick<LinuxContainerSecurityContext, 'privileged' | 'maskedPaths' | 'readonlyPaths'> | undefined,
): { readonly maskedPaths: readonly string[]; readonly readonlyPaths: readonly string[] } {
  if (!security) return { maskedPaths: defaultMaskedPaths, readonlyPaths: defaultReadonlyPaths }
  if (security.privileged) return { maskedPaths: [], readonlyPaths: [] }
  return {
    maskedPaths: security.maskedPaths.map((path) => containerPath('masked_paths', path)),
    readonlyPaths: security.readonlyPaths.map((path) => containerPath('readonly_paths', path)),
  }
}

/** A security profile as it is meant: without one, or `Unconfined`, it is undefined. */
export type ProfileChoice = { readonly kind: 'default' } | { readonly kind: 'localhost'; readonly reference: string }

/**
 * What a profile and its deprecated form as a text (`runtime/default`, `unconfined`, `localhost/<reference>`) ask for; the
 * text counts only without the profile.
 */
export function chosenProfile(
  field: string,
  profile: SecurityProfile | undefined,
  text: string,
): ProfileChoice | undefined {
  if (!profile) return profileOfText(field, text)
  if (profile.profileType !== ProfileType.Localhost && profile.localhostRef !== '') {
    throw invalidArgument(`${field}.localhost_ref is only for the profile type Localhost`)
  }
  switch (profile.profileType) {
    case ProfileType.Unconfined:
      return undefined
    case ProfileType.RuntimeDefault:
      return { kind: 'default' }
    case ProfileType.Localhost:
      return localhost(field, profile.localhostRef)
    default:
      throw invalidArgument(`${field}: ${profile.profileType} is not a profile type that Berth knows`)
  }
}

function profileOfText(field: string, text: string): ProfileChoice | undefined {
  if (text === '' || text === 'unconfined') return undefined
  if (text === 'runtime/default' || text === 'docker/default') return { kind: 'default' }
  if (text.startsWith('localhost/')) return localhost(field, text)
  throw invalidArgument(`${field}: "${text}" is not a profile: runtime/default, unconfined or localhost/<name>`)
}

function localhost(field: string, reference: string): ProfileChoice {
  const name = reference.replace(/^localhost\//, '')
  if (name === '') throw invalidArgument(`${field}.localhost_ref is empty`)
  return { kind: 'localhost', reference: name }
}

/** The seccomp setting of a container, from either field; undefined for a privileged one, which is never confined. */
export function seccompChoice(security: LinuxContainerSecurityContext | undefined): ProfileChoice | undefined {
  if (!security || security.privileged) return undefined
  return chosenProfile('seccomp', security.seccomp, security.seccompProfilePath)
}

/** The filter itself. */
export function containerSeccomp(
  choice: ProfileChoice | undefined,
  loaded: Seccomp | undefined,
  boundingSet: readonly string[],
  host: { readonly seccomp: boolean; readonly architecture: 'x64' | 'arm64' },
): Seccomp | undefined {
  if (!choice) return undefined
  if (!host.seccomp)
    throw failedPrecondition('seccomp is not supported on this host, but the container asks for a profile')
  if (choice.kind === 'default') return defaultSeccomp(host.architecture, boundingSet)
  if (!loaded) throw internal(`the seccomp profile ${choice.reference} was not loaded`)
  return loaded
}

/** The AppArmor profile of a container, by name. A profile that is asked for and cannot be had is an error, never left out. */
export function apparmorProfile(
  security: LinuxContainerSecurityContext | undefined,
  enabled: boolean,
  standard: string | undefined,
): string | undefined {
  const choice = chosenProfile('apparmor', security?.apparmor, security?.apparmorProfile ?? '')
  if (!choice) return undefined
  if (!enabled) throw failedPrecondition('apparmor is not supported on this host, but the container asks for a profile')
  if (choice.kind === 'localhost') return choice.reference
  if (security?.privileged) return undefined
  if (standard !== undefined) return standard
  throw failedPrecondition(
    'the default AppArmor profile is not loaded: berthd does so at its start with apparmor_parser; install it (on Debian: apt install apparmor)',
  )
}

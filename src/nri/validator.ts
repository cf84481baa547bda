import { parse } from 'yaml'
import { Field, type PodSandbox, SecurityProfile_ProfileType as Profile, type SecurityProfile } from '../gen/nri_pb.ts'
import { failedPrecondition } from '../lib/errors.ts'
import type { Owners } from './merge/owners.ts'
import type { PluginName } from './plugin-name.ts'

/** What no plugin may do, and which plugins must be there. */
export interface ValidatorSettings {
  readonly rejectHooks: boolean
  readonly rejectRuntimeDefaultSeccomp: boolean
  readonly rejectUnconfinedSeccomp: boolean
  readonly rejectCustomSeccomp: boolean
  readonly rejectNamespaces: boolean
  readonly rejectSysctls: boolean
  /** Each as `name` or `NN-name`. */
  readonly requiredPlugins: readonly string[]
  /** An annotation that allows a pod, or a container of it, to do without them; empty for none. */
  readonly tolerateMissingAnnotation: string
}

/** What plugins want with a container, and which of them were asked. */
export interface Adjusted {
  readonly pod: PodSandbox
  readonly container: { readonly id: string; readonly name: string }
  /** What the pod asked for. */
  readonly seccompProfile: SecurityProfile | undefined
  readonly owners: Owners
  readonly plugins: readonly PluginName[]
}

/** A pod's own list of required plugins, in YAML. */
const requiredAnnotation = 'required-plugins.noderesource.dev'

/** Checks the adjustments of a container by the rules of the node. Throws failed-precondition. */
export function validate(settings: ValidatorSettings, adjusted: Adjusted): void {
  checkRestricted(settings, adjusted)
  checkRequired(settings, adjusted)
}

function checkRestricted(settings: ValidatorSettings, { container, seccompProfile, owners }: Adjusted): void {
  const refuse = (rejects: boolean, field: Field, what: string) => {
    const offenders = owners.ownersOf(container.id, field)
    if (!rejects || offenders.length === 0) return
    throw failedPrecondition(
      `${what} of container "${container.name}" may not be changed by NRI plugins on this node, and ${offenders.join(', ')} did`,
    )
  }
  refuse(settings.rejectHooks, Field.OciHooks, 'the OCI hooks')
  refuse(rejectsSeccomp(settings, seccompProfile), Field.SeccompPolicy, 'the seccomp policy')
  refuse(settings.rejectNamespaces, Field.Namespace, 'the namespaces')
  refuse(settings.rejectSysctls, Field.Sysctl, 'the sysctls')
}

function rejectsSeccomp(settings: ValidatorSettings, profile: SecurityProfile | undefined): boolean {
  switch (profile?.profileType) {
    case Profile.RUNTIME_DEFAULT:
      return settings.rejectRuntimeDefaultSeccomp
    case Profile.LOCALHOST:
      return settings.rejectCustomSeccomp
    default:
      return settings.rejectUnconfinedSeccomp
  }
}

function checkRequired(settings: ValidatorSettings, { pod, container, plugins }: Adjusted): void {
  const { requiredPlugins, tolerateMissingAnnotation } = settings
  if (tolerateMissingAnnotation !== '') {
    const value = effectiveAnnotation(pod, tolerateMissingAnnotation, container.name)
    if (value !== undefined && isTrue(tolerateMissingAnnotation, value)) return
  }
  const own = effectiveAnnotation(pod, requiredAnnotation, container.name)
  const required = [...requiredPlugins, ...(own === undefined ? [] : listed(own))]
  const present = new Set(plugins.flatMap(({ index, base }) => [base, `${index}-${base}`]))
  const missing = required.filter((name) => !present.has(name))
  if (missing.length === 0) return
  throw failedPrecondition(
    `container "${container.name}" requires the NRI plugin${missing.length > 1 ? 's' : ''} ${missing.join(', ')}, not connected now`,
  )
}

/** An annotation for the container, or else for the whole pod. */
function effectiveAnnotation({ annotations }: PodSandbox, key: string, container: string): string | undefined {
  const name = [`${key}/container.${container}`, `${key}/pod`, key].find((each) => Object.hasOwn(annotations, each))
  return name === undefined ? undefined : annotations[name]
}

function isTrue(name: string, value: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false
  throw failedPrecondition(`the annotation ${name} must be true or false, not ${JSON.stringify(value)}`)
}

function listed(text: string): string[] {
  let value: unknown
  try {
    value = parse(text)
  } catch {
    value = undefined
  }
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
  throw failedPrecondition(`the annotation ${requiredAnnotation} is not a YAML list of names: ${JSON.stringify(text)}`)
}

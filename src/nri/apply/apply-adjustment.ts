import type { ContainerAdjustment } from '../../gen/nri_pb.ts'
import { withCdiEdits } from '../../oci/cdi/apply-edits.ts'
import { parseDeviceName } from '../../oci/cdi/cdi-spec.ts'
import { findCdiEdits } from '../../oci/cdi/find-edits.ts'
import type { HostFacts } from '../../oci/host-facts.ts'
import type { Linux, Spec } from '../../oci/runtime-spec.ts'
import { isRemoval, unmarked } from '../merge/removal.ts'
import { withDevices } from './apply-devices.ts'
import { withMounts } from './apply-mounts.ts'
import { withProcess } from './apply-process.ts'
import { withResources } from './apply-resources.ts'
import { memoryPolicyOf, netDevicesOf, rdtOf, seccompOf } from './linux-parts.ts'

export interface ApplyContext {
  readonly host: HostFacts
  readonly cdiDirs: readonly string[]
}

/**
 * The config.json of a container with the adjustments of plugins made. Throws invalid-argument for what makes no sense, and
 * failed-precondition for what this node or its OCI runtime cannot do: nothing is left out in silence.
 */
export function withAdjustment(spec: Spec, adjust: ContainerAdjustment, context: ApplyContext): Spec {
  const { host, cdiDirs } = context
  const devices = adjust.CDIDevices.map(({ name }) => name)
  for (const name of devices) parseDeviceName(name)
  const edited = devices.length > 0 ? withCdiEdits(spec, findCdiEdits(devices, cdiDirs)) : spec
  const adjusted = withHooks(withAnnotations(withProcess(edited, adjust, host), adjust), adjust)
  const mounted = withMounts(adjusted, adjust.mounts)
  const { linux } = adjust
  if (!linux) return mounted
  const limited = withResources(withDevices(mounted, linux.devices), linux.resources, host)
  return { ...limited, linux: withLinux(limited.linux, linux, host) }
}

function withLinux(before: Linux, adjust: NonNullable<ContainerAdjustment['linux']>, host: HostFacts): Linux {
  const { cgroupsPath, seccompPolicy, namespaces, netDevices, rdt, resources, memoryPolicy } = adjust
  const sysctl = withEntries(before.sysctl ?? {}, adjust.sysctl)
  const moved = netDevicesOf(before.netDevices ?? {}, netDevices, host)
  const { intelRdt, ...rest } = before
  const classes = rdtOf(intelRdt, rdt, resources?.rdtClass?.value, host)
  return {
    ...rest,
    ...(cgroupsPath !== '' && { cgroupsPath }),
    ...(Object.keys(sysctl).length > 0 || before.sysctl ? { sysctl } : {}),
    ...(seccompPolicy && { seccomp: seccompOf(seccompPolicy, host) }),
    ...(moved && { netDevices: moved }),
    ...(classes && { intelRdt: classes }),
    ...(memoryPolicy && { memoryPolicy: memoryPolicyOf(memoryPolicy, host) }),
    namespaces: withNamespaces(before.namespaces, namespaces),
  }
}

function withAnnotations(spec: Spec, { annotations }: ContainerAdjustment): Spec {
  if (Object.keys(annotations).length === 0) return spec
  return { ...spec, annotations: withEntries(spec.annotations ?? {}, annotations) }
}

function withEntries(before: Readonly<Record<string, string>>, changes: Readonly<Record<string, string>>) {
  const removed = new Set(Object.keys(changes).filter(isRemoval).map(unmarked))
  return Object.fromEntries([
    ...Object.entries(before).filter(([key]) => !removed.has(key)),
    ...Object.entries(changes).filter(([key]) => !isRemoval(key)),
  ])
}

function withHooks(spec: Spec, { hooks }: ContainerAdjustment): Spec {
  const stages = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const
  if (!hooks || stages.every((stage) => hooks[stage].length === 0)) return spec
  const merged = { ...spec.hooks }
  for (const stage of stages) {
    if (hooks[stage].length === 0) continue
    const added = hooks[stage].map(({ path, args, env, timeout }) => ({
      path,
      ...(args.length > 0 && { args }),
      ...(env.length > 0 && { env }),
      ...(timeout && { timeout: Number(timeout.value) }),
    }))
    merged[stage] = [...(merged[stage] ?? []), ...added]
  }
  return { ...spec, hooks: merged }
}

function withNamespaces(
  before: Linux['namespaces'],
  changes: readonly { readonly type: string; readonly path: string }[],
): Linux['namespaces'] {
  let after = [...before]
  for (const { type, path } of changes) {
    after = after.filter((each) => each.type !== unmarked(type))
    if (isRemoval(type)) continue
    // An unknown type is the OCI runtime's to refuse.
    after.push({ type: type as Linux['namespaces'][number]['type'], ...(path !== '' && { path }) })
  }
  return after
}

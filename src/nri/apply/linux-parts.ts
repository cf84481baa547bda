import { existsSync } from 'node:fs'
import {
  type LinuxMemoryPolicy,
  type LinuxNetDevice,
  type LinuxRdt,
  type LinuxSeccomp,
  MpolFlagSchema,
  MpolModeSchema,
} from '../../gen/nri_pb.ts'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'
import type { HostFacts } from '../../oci/host-facts.ts'
import type { IntelRdt, Linux, Seccomp } from '../../oci/runtime-spec.ts'
import { safeNumber } from '../../oci/spec/checks.ts'
import { isRemoval, unmarked } from '../merge/removal.ts'
import { requireRuntime } from './require-runtime.ts'

/** A seccomp policy takes the place of the one that the pod asked for. */
export function seccompOf(policy: LinuxSeccomp, host: Pick<HostFacts, 'seccomp'>): Seccomp {
  if (!host.seccomp) {
    throw failedPrecondition('an NRI plugin sets a seccomp policy, but this kernel or the OCI runtime has no seccomp')
  }
  return {
    defaultAction: policy.defaultAction,
    ...(policy.defaultErrno && { defaultErrnoRet: policy.defaultErrno.value }),
    ...(policy.architectures.length > 0 && { architectures: policy.architectures }),
    ...(policy.flags.length > 0 && { flags: policy.flags }),
    ...(policy.listenerPath !== '' && { listenerPath: policy.listenerPath }),
    ...(policy.listenerMetadata !== '' && { listenerMetadata: policy.listenerMetadata }),
    syscalls: policy.syscalls.map(({ names, action, errnoRet, args }) => ({
      names,
      action,
      ...(errnoRet && { errnoRet: errnoRet.value }),
      ...(args.length > 0 && {
        args: args.map(({ index, value, valueTwo, op }) => ({
          index,
          value: safeNumber('seccomp_policy.args.value', value),
          ...(valueTwo !== 0n && { valueTwo: safeNumber('seccomp_policy.args.value_two', valueTwo) }),
          op,
        })),
      }),
    })),
  }
}

/** Network devices of the host that become the container's. Undefined when there are none. */
export function netDevicesOf(
  before: NonNullable<Linux['netDevices']>,
  changes: Readonly<Record<string, LinuxNetDevice>>,
  host: HostFacts,
): Linux['netDevices'] | undefined {
  const removed = new Set(Object.keys(changes).filter(isRemoval).map(unmarked))
  const added = Object.entries(changes).filter(([name]) => !isRemoval(name))
  if (added.length > 0) requireRuntime(host, 'netDevices', `the network device ${added[0]?.[0]}`)
  const devices = Object.fromEntries([
    ...Object.entries(before).filter(([name]) => !removed.has(name)),
    ...added.map(([name, device]) => [name, device.name === '' ? {} : { name: device.name }] as const),
  ])
  return Object.keys(devices).length > 0 ? devices : undefined
}

/**
 * The class of cache and memory bandwidth (resctrl). Undefined for none.
 *
 * @param rdtClass the older way to name one; empty for none
 */
export function rdtOf(
  before: IntelRdt | undefined,
  rdt: LinuxRdt | undefined,
  rdtClass: string | undefined,
  host: HostFacts,
): IntelRdt | undefined {
  const kept = rdtClass === '' || rdt?.remove ? undefined : before
  const after: IntelRdt = {
    ...kept,
    ...(rdtClass && { closID: rdtClass }),
    ...(rdt?.closId && { closID: rdt.closId.value }),
    ...(rdt?.schemata && { schemata: rdt.schemata.value }),
    ...(rdt?.enableMonitoring && { enableMonitoring: rdt.enableMonitoring.value }),
  }
  if (Object.keys(after).length === 0) return undefined
  if (!existsSync('/sys/fs/resctrl/schemata')) {
    throw failedPrecondition(
      `an NRI plugin sets the RDT class "${after.closID ?? ''}", but there is no /sys/fs/resctrl on this node (mount -t resctrl)`,
    )
  }
  requireRuntime(host, 'intelRdt', 'an RDT class')
  return after
}

export function memoryPolicyOf(
  { mode, nodes, flags }: LinuxMemoryPolicy,
  host: HostFacts,
): NonNullable<Linux['memoryPolicy']> {
  requireRuntime(host, 'memoryPolicy', 'a memory policy')
  const name = MpolModeSchema.value[mode]?.name
  if (name === undefined) throw invalidArgument(`an NRI plugin sets the memory policy ${mode}, which is none`)
  const names = flags.map((flag) => MpolFlagSchema.value[flag]?.name ?? '')
  return { mode: name, nodes, ...(names.length > 0 && { flags: names }) }
}

import type { Capability } from '../../gen/cri_pb.ts'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'
import type { Capabilities } from '../runtime-spec.ts'

/** Every capability of Linux 5.9 and later, in the order of their numbers (`<linux/capability.h>`). */
export const allCapabilities: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
].map((name) => `CAP_${name}`)

/** What a container has when it asks for nothing: the 14 of containerd and Docker. */
export const defaultCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
]

/**
 * The capability sets of a container. `ALL` in add or drop comes first, single names are applied to the result, and drop
 * wins. Nothing is inheritable but what is ambient (CVE-2022-24769).
 *
 * @param available what this process itself may give away
 * @param privileged all of it; `request` then has no say
 */
export function containerCapabilities(
  request: Capability | undefined,
  privileged: boolean,
  available: readonly string[],
): Capabilities {
  if (privileged) return capabilitySets(available, [])
  const add = names('add_capabilities', request?.addCapabilities ?? [])
  const drop = names('drop_capabilities', request?.dropCapabilities ?? [])
  const ambient = names('add_ambient_capabilities', request?.addAmbientCapabilities ?? [])
  if (ambient.all) throw invalidArgument('add_ambient_capabilities: ALL is not possible, name them')
  const granted = new Set(defaultCapabilities.filter((name) => available.includes(name)))
  if (add.all) for (const name of available) granted.add(name)
  if (drop.all) granted.clear()
  for (const name of [...add.single, ...ambient.single]) {
    if (!available.includes(name)) {
      throw failedPrecondition(`capability ${name} cannot be added: this host's Berth does not hold it itself`)
    }
    granted.add(name)
  }
  for (const name of drop.single) granted.delete(name)
  const inOrder = allCapabilities.filter((name) => granted.has(name))
  return capabilitySets(
    inOrder,
    inOrder.filter((name) => ambient.single.includes(name)),
  )
}

function capabilitySets(granted: readonly string[], ambient: readonly string[]): Capabilities {
  return { bounding: granted, effective: granted, permitted: granted, inheritable: ambient, ambient }
}

/** Names as the CRI has them (`NET_ADMIN`), in any case, with or without `CAP_`. */
function names(field: string, values: readonly string[]): { readonly all: boolean; readonly single: string[] } {
  const upper = values.map((value) => value.toUpperCase())
  const single = upper
    .filter((name) => name !== 'ALL' && name !== 'CAP_ALL')
    .map((name) => (name.startsWith('CAP_') ? name : `CAP_${name}`))
  for (const name of single) {
    if (!allCapabilities.includes(name)) throw invalidArgument(`${field}: "${name.slice(4)}" is not a capability`)
  }
  return { all: single.length !== upper.length, single }
}

/** The capabilities of a hexadecimal mask, as in /proc/self/status. */
export function capabilitiesOfMask(mask: string): string[] {
  const bits = BigInt(`0x${mask.trim()}`)
  return allCapabilities.filter((_, number) => (bits >> BigInt(number)) & 1n)
}

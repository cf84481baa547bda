import { isElf } from '../linux/is-elf.ts'
import type { NetworkConfiguration, PluginConfiguration } from './network-configuration.ts'
import { findPlugin } from './plugin-lookup.ts'

/**
 * Plugins that treat all pods alike unless a capability tells them something: they read none of the pod's names in CNI_ARGS.
 * Those of the CNI project (not `host-device`, which gives a device away, nor `dhcp`, whose server may know pods), and flannel's.
 */
const indifferent: ReadonlySet<string> = new Set([
  'bandwidth',
  'bridge',
  'firewall',
  'flannel',
  'ipvlan',
  'loopback',
  'macvlan',
  'portmap',
  'ptp',
  'sbr',
  'tuning',
])

const indifferentIpam: ReadonlySet<unknown> = new Set([undefined, 'host-local'])

/** Whether a plugin of the network may make a difference between pods. A script under one of those names may. */
export function asksForPod(network: NetworkConfiguration, binDirs: readonly string[]): boolean {
  return !network.plugins.every((plugin) => {
    const file = findPlugin(plugin.type, binDirs)
    return isIndifferent(plugin) && file !== undefined && isElf(file)
  })
}

function isIndifferent({ type, ipam, delegate }: PluginConfiguration): boolean {
  if (!indifferent.has(type) || !indifferentIpam.has(fieldOf(ipam, 'type'))) return false
  // What flannel calls in its turn; a bridge with host-local when nothing is said.
  const { type: delegated = 'bridge', ipam: delegatedIpam } = asObject(delegate)
  return indifferent.has(String(delegated)) && indifferentIpam.has(fieldOf(delegatedIpam, 'type'))
}

function fieldOf(value: unknown, name: string): unknown {
  return asObject(value)[name]
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

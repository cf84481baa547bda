import { isElf } from '../linux/is-elf.ts'
import type { PluginConfiguration } from './network-configuration.ts'
import type { RuntimeArguments } from './plugin-request.ts'

/**
 * Whether a plugin of a chain would hand on what it is given and do nothing else: the CNI project's `portmap` for a pod without
 * host ports (`cmdAdd` answers its `prevResult`). Not calling it saves two processes of its own, and two of iptables, a pod.
 * A script under that name may do anything.
 */
export function hasNothingToDo(
  plugin: PluginConfiguration,
  { capabilityArgs }: RuntimeArguments,
  file: string,
): boolean {
  if (plugin.type !== 'portmap' || 'runtimeConfig' in plugin) return false
  return capabilityArgs.portMappings === undefined && isElf(file)
}

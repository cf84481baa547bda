import { isElf } from '../linux/is-elf.ts'

/**
 * The plugins of the CNI project. Each reads its whole input before it does anything (`skel.PluginMain`), so it can be started
 * before its turn has come. Of others nobody knows: they are started when it is their turn.
 */
const patient: ReadonlySet<string> = new Set([
  'bandwidth',
  'bridge',
  'dummy',
  'firewall',
  'host-device',
  'ipvlan',
  'loopback',
  'macvlan',
  'portmap',
  'ptp',
  'sbr',
  'tap',
  'tuning',
  'vlan',
  'vrf',
])

/** Whether a plugin waits for its input before it does anything. A script under such a name may not. */
export function waitsForInput(type: string, file: string): boolean {
  return patient.has(type) && isElf(file)
}

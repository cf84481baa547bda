import { closeSync, openSync, readSync } from 'node:fs'

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

const elfMagic = Buffer.from([0x7f, 0x45, 0x4c, 0x46])

/** Whether a plugin waits for its input before it does anything. A script under such a name may not. */
export function waitsForInput(type: string, file: string): boolean {
  return patient.has(type) && isElf(file)
}

function isElf(file: string): boolean {
  const head = Buffer.alloc(elfMagic.length)
  try {
    const fd = openSync(file, 'r')
    try {
      return readSync(fd, head) === head.length && head.equals(elfMagic)
    } finally {
      closeSync(fd)
    }
  } catch {
    return false
  }
}

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const forwarding = '/proc/sys/net/ipv4/ip_forward'

export interface PodNetwork {
  readonly bridge: string
  /** In CIDR notation. */
  readonly subnet: string
}

/**
 * Gives pods a network when this machine has none for them: a bridge with addresses of its own, behind the machine's
 * address. What is already configured in `folder` is left alone. Says what it did.
 */
export function providePodNetwork(folder: string, { bridge, subnet }: PodNetwork, say: (line: string) => void): void {
  const present = configurationsIn(folder)
  if (present.length > 0) {
    say(`Pod network: ${join(folder, present[0] as string)}`)
    return
  }
  const path = join(folder, '10-berth.conflist')
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, `${JSON.stringify(bridgeNetwork({ bridge, subnet }), null, 2)}\n`)
  say(`Pod network: none was configured, wrote ${path} (bridge ${bridge}, ${subnet})`)
  if (readFileSync(forwarding, 'utf8').trim() !== '1') {
    writeFileSync(forwarding, '1')
    say('Switched on net.ipv4.ip_forward until the next reboot: pods reach the outside through this machine')
  }
}

/** What libcni would read, in its order. */
function configurationsIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.(conf|conflist|json)$/.test(name))
      .sort()
  } catch {
    return []
  }
}

/** A CNI configuration list for the reference plugins, from 0.9 on (Ubuntu 22.04), which know no later version than 0.4.0. */
function bridgeNetwork({ bridge, subnet }: PodNetwork): object {
  return {
    cniVersion: '0.4.0',
    name: bridge,
    plugins: [
      {
        type: 'bridge',
        bridge,
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  }
}

import { extname, join } from 'node:path'
import type { Config } from '../../config/config.ts'
import { messageOf } from '../../lib/errors.ts'
import { type NetworkConfiguration, parseNetworkConfiguration } from '../../network/network-configuration.ts'
import { defaultBinDirs } from '../../network/plugin-lookup.ts'
import { broken, type Diagnosis, ok, warning } from '../diagnosis.ts'
import type { Machine } from '../machine.ts'
import { runFix } from '../run-fix.ts'

export async function checkNetwork(machine: Machine, config: Config): Promise<Diagnosis[]> {
  const { network, diagnosis } = readNetwork(machine, config.cni.conf_dir)
  return [
    diagnosis,
    ...(network ? [checkPlugins(machine, network, config.cni.bin_dirs ?? defaultBinDirs)] : []),
    await checkIptables(machine, network),
    checkForwarding(machine),
    checkBridgeFilter(machine),
  ]
}

/** The first file of the folder that is valid, as berthd takes it. */
function readNetwork(machine: Machine, folder: string): { network?: NetworkConfiguration; diagnosis: Diagnosis } {
  const check = 'CNI network'
  const problems: string[] = []
  for (const name of machine.list(folder).filter((name) => ['.conflist', '.conf', '.json'].includes(extname(name)))) {
    try {
      const form = extname(name) === '.conflist' ? 'list' : 'single'
      const network = parseNetworkConfiguration(machine.read(join(folder, name)) ?? '', form)
      const plugins = network.plugins.map(({ type }) => type).join(', ')
      return { network, diagnosis: ok(check, `"${network.name}" of ${join(folder, name)}: ${plugins}`) }
    } catch (error) {
      problems.push(`${name}: ${messageOf(error)}`)
    }
  }
  const diagnosis = broken(check, {
    found: `no valid configuration in ${folder}${problems.length > 0 ? `: ${problems.join('; ')}` : ''}`,
    why: 'pods get no network: RunPodSandbox fails, and the node is NotReady',
    mend: 'install the network add-on of the cluster; on a machine of its own: mkdir -p /etc/cni/net.d && cp /usr/share/doc/berth/examples/10-berth.conflist /etc/cni/net.d/ (npm start in a checkout does the like)',
  })
  return { diagnosis }
}

function checkPlugins(machine: Machine, network: NetworkConfiguration, folders: readonly string[]): Diagnosis {
  const check = 'CNI plugins'
  const ipam = network.plugins.flatMap((plugin) => ipamOf(plugin))
  const needed = new Set([...network.plugins.map(({ type }) => type), ...ipam])
  const missing = [...needed].filter((name) => !folders.some((folder) => machine.isExecutable(join(folder, name))))
  if (missing.length === 0) return ok(check, `${[...needed].join(', ')} are there`)
  return broken(check, {
    found: `${missing.join(', ')} is in none of ${folders.join(', ')}`,
    why: 'pods get no network: RunPodSandbox fails',
    mend: 'apt install containernetworking-plugins (plugins of an add-on come with the add-on)',
  })
}

function ipamOf({ ipam }: Readonly<Record<string, unknown>>): string[] {
  const type = typeof ipam === 'object' && ipam !== null && 'type' in ipam ? ipam.type : undefined
  return typeof type === 'string' ? [type] : []
}

/** Looks at the NAT table, which is what bridge (ipMasq), portmap and kube-proxy change. */
async function checkIptables(machine: Machine, network: NetworkConfiguration | undefined): Promise<Diagnosis> {
  const check = 'iptables'
  const users = (network?.plugins ?? []).filter((plugin) => {
    return plugin.ipMasq === true || ['portmap', 'firewall', 'bandwidth'].includes(plugin.type)
  })
  const needs = users.map(({ type }) => type).join(', ')
  const path = machine.find('iptables')
  const trouble = {
    why:
      needs === ''
        ? 'kube-proxy and many network plugins need it'
        : `the plugins ${needs} need it: pods would not start`,
    mend: 'apt install iptables',
  }
  if (path === undefined) {
    const found = 'there is no program iptables'
    return needs === '' ? warning(check, { found, ...trouble }) : broken(check, { found, ...trouble })
  }
  const { exitCode, stderr } = await machine.run(path, '-w', '2', '-t', 'nat', '-S', 'POSTROUTING')
  if (exitCode !== 0) {
    const found = `${path} does not work: ${stderr.trim() || `exit code ${exitCode}`}`
    const mend = 'see its words: run as root, on a kernel with nf_tables or ip_tables (modprobe nf_tables)'
    return needs === '' ? warning(check, { ...trouble, found, mend }) : broken(check, { ...trouble, found, mend })
  }
  const { stdout } = await machine.run(path, '--version')
  return ok(check, stdout.trim())
}

const forwarding = '/proc/sys/net/ipv4/ip_forward'

function checkForwarding(machine: Machine): Diagnosis {
  const check = 'IP forwarding'
  if (machine.read(forwarding)?.trim() === '1') return ok(check, 'net.ipv4.ip_forward is 1')
  return broken(check, {
    found: 'net.ipv4.ip_forward is 0',
    why: 'packets of pods go nowhere but to this node',
    mend: "sysctl -w net.ipv4.ip_forward=1; for good: echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/99-berth.conf",
    fix: () => machine.write(forwarding, '1'),
  })
}

const bridgeFilter = '/proc/sys/net/bridge/bridge-nf-call-iptables'

function checkBridgeFilter(machine: Machine): Diagnosis {
  const check = 'bridge filter'
  const value = machine.read(bridgeFilter)?.trim()
  if (value === '1') return ok(check, 'net.bridge.bridge-nf-call-iptables is 1')
  const why = 'what goes from pod to pod over a bridge does not pass iptables: Services of a cluster do not answer'
  if (value === undefined) {
    return warning(check, {
      found: 'the module br_netfilter is not loaded',
      why,
      mend: 'modprobe br_netfilter && echo br_netfilter > /etc/modules-load.d/berth-bridge.conf',
      fix: () => runFix(machine, 'modprobe', 'br_netfilter'),
    })
  }
  return warning(check, {
    found: `net.bridge.bridge-nf-call-iptables is ${value}`,
    why,
    mend: 'sysctl -w net.bridge.bridge-nf-call-iptables=1',
    fix: () => machine.write(bridgeFilter, '1'),
  })
}

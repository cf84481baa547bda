import { atLeast } from './cni-version.ts'
import type { NetworkConfiguration, PluginConfiguration } from './network-configuration.ts'

/** The verbs that Berth uses of the CNI specification. */
export type Verb = 'ADD' | 'DEL' | 'STATUS'

/** What every call for one interface of one sandbox has in common (libcni calls it RuntimeConf). Plain data, recorded. */
export interface RuntimeArguments {
  readonly containerId: string
  /** Empty when the namespace is gone (DEL only). */
  readonly netnsPath: string
  readonly interfaceName: string
  /** CNI_ARGS, in order; see `pod-arguments.ts`. */
  readonly args: readonly (readonly [name: string, value: string])[]
  /** By capability; each plugin gets those that it asks for. */
  readonly capabilityArgs: Readonly<Record<string, unknown>>
}

/** Where plugins find the programs that they start, whatever the daemon was given: iptables, tc and others are in sbin. */
const systemPath = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** What plugins inherit: the daemon's environment without CNI variables, and a PATH with the system's folders. */
export function baseEnvironment(environment: Readonly<NodeJS.ProcessEnv>): Record<string, string> {
  const inherited = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('CNI_'),
  )
  const path = [...new Set([...(environment.PATH ?? '').split(':').filter((folder) => folder !== ''), ...systemPath])]
  return { ...Object.fromEntries(inherited), PATH: path.join(':') }
}

/** The environment of a call (CNI specification, "Parameters"); the plugin gets nothing else but `base`. */
export function pluginEnvironment(
  verb: Verb,
  runtime: RuntimeArguments | undefined,
  binDirs: readonly string[],
  base: Readonly<Record<string, string>>,
): Record<string, string> {
  const environment: Record<string, string> = { ...base, CNI_COMMAND: verb, CNI_PATH: binDirs.join(':') }
  if (!runtime) return environment
  environment.CNI_CONTAINERID = runtime.containerId
  environment.CNI_NETNS = runtime.netnsPath
  environment.CNI_IFNAME = runtime.interfaceName
  environment.CNI_ARGS = runtime.args.map(([name, value]) => `${name}=${value}`).join(';')
  return environment
}

/** The configuration that a plugin reads from its stdin (CNI specification, "Deriving request configuration"). */
export function pluginInput(
  verb: Verb,
  network: NetworkConfiguration,
  plugin: PluginConfiguration,
  runtime: RuntimeArguments | undefined,
  prevResult: unknown,
): string {
  const input: Record<string, unknown> = { ...plugin, name: network.name, cniVersion: network.cniVersion }
  const runtimeConfig = wantedArguments(plugin, runtime?.capabilityArgs ?? {})
  if (Object.keys(runtimeConfig).length > 0) input.runtimeConfig = runtimeConfig
  delete input.prevResult
  if (prevResult !== undefined && takesPrevResult(verb, network)) input.prevResult = prevResult
  return JSON.stringify(input)
}

/** DEL has a previous result since 0.4.0. */
function takesPrevResult(verb: Verb, network: NetworkConfiguration): boolean {
  return verb === 'ADD' || (verb === 'DEL' && atLeast(network.cniVersion, '0.4.0'))
}

function wantedArguments(plugin: PluginConfiguration, all: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(all).filter(([capability]) => plugin.capabilities?.[capability] === true))
}

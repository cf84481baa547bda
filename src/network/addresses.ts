import { isIP } from 'node:net'
import type { PluginResult } from './plugin-output.ts'

/** Which of a pod's addresses is its primary one: the first of that family, or the first that the plugins gave. */
export type IpPreference = 'ipv4' | 'ipv6' | 'cni'

/** An IPv4 or IPv6 address without a zone. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%')
}

/** An address with a prefix length, as `10.1.2.3/24`. */
export function isPrefix(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/')
  const bits = Number(length)
  return rest.length === 0 && isAddress(address) && /^\d{1,3}$/.test(length) && bits <= (isIP(address) === 4 ? 32 : 128)
}

/**
 * The addresses of a pod in a result, the primary one first and no prefix lengths: those of the interface that was asked
 * for. A plugin that does not say which interface an address is on means that one; a plugin that names its interface
 * otherwise (it may) is understood as long as the interface is inside a namespace.
 */
export function podAddresses(result: PluginResult, interfaceName: string, preference: IpPreference): string[] {
  const placed = (result.ips ?? []).map(({ address, interface: index }) => ({
    ip: address.slice(0, address.indexOf('/')),
    said: typeof index === 'number' && index >= 0,
    on: result.interfaces?.[index ?? -1],
  }))
  const own = placed.filter(({ said, on }) => !said || (on?.name === interfaceName && on.sandbox))
  const inside = placed.filter(({ on }) => on?.sandbox)
  const ips = [...new Set((own.length > 0 ? own : inside).map(({ ip }) => ip))]
  if (preference === 'cni') return ips
  const family = preference === 'ipv4' ? 4 : 6
  return [...ips.filter((ip) => isIP(ip) === family), ...ips.filter((ip) => isIP(ip) !== family)]
}

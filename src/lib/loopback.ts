import { isIPv4 } from 'node:net'

/** Whether a registry (`host`, `host:port`, `[v6]:port`) is this machine by name or by address. */
export function isLoopback(host: string): boolean {
  const name = hostnameOf(host).toLowerCase()
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'))
}

/** The name or the address without port and brackets. */
export function hostnameOf(host: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(host)
  return bracketed ? (bracketed[1] as string) : host.replace(/:[0-9]*$/, '')
}

import { isLoopback } from './loopback.ts'

/** The folders that may hold the hosts.toml of a registry, by which counts first: `host_port_`, its name, `_default`. */
export function registryFolderNames(registry: string): string[] {
  const port = /^(.*):([0-9]+)$/.exec(registry)
  return [...(port ? [`${port[1]}_${port[2]}_`] : []), registry, '_default']
}

/**
 * The base of the API at an address of hosts.toml, up to and with `/v2`, without a slash at the end. Throws when the address is
 * none.
 */
export function apiBaseUrl(address: string, overridePath: boolean): string {
  const url = new URL(/^https?:\/\//.test(address) ? address : `https://${address}`)
  if (url.username !== '' || url.password !== '') throw new Error('credentials do not belong in a URL')
  const path = url.pathname.replace(/\/+$/, '')
  return `${url.protocol}//${url.host}${overridePath || path.endsWith('/v2') ? path : `${path}/v2`}`
}

/** That of the registry itself: HTTPS, or plain HTTP on this machine and where configured. */
export function ownBaseUrl(registry: string, plainHttp: readonly string[]): string {
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry
  const scheme = isLoopback(registry) || plainHttp.includes(registry) ? 'http' : 'https'
  return `${scheme}://${host}/v2`
}

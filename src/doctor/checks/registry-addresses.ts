import { join } from 'node:path'
import { parse } from 'smol-toml'
import type { Config } from '../../config/config.ts'
import { messageOf } from '../../lib/errors.ts'
import type { Machine } from '../machine.ts'

const standardFolders = ['/etc/berth/certs.d', '/etc/containerd/certs.d']

/**
 * Where images of a registry are pulled from, as the hosts.toml says that a pull goes by: its mirrors, else its `server`, else the
 * registry itself. `problem`: that file cannot be used, and pulls fail.
 */
export function registryAddresses(
  machine: Machine,
  { registry_config_dirs: folders = standardFolders, plain_http: plainHttp = [] }: Config['image'],
  registry: string,
): { readonly urls: readonly string[]; readonly problem?: string } {
  const isLocal = /^(localhost|127\.[0-9.]+|\[::1\])(:|$)/.test(registry) || plainHttp.includes(registry)
  const own = `${isLocal ? 'http' : 'https'}://${registry === 'docker.io' ? 'registry-1.docker.io' : registry}/v2/`
  const names = [...(/:\d+$/.test(registry) ? [registry.replace(/:(\d+)$/, '_$1_')] : []), registry, '_default']
  for (const file of folders.flatMap((folder) => names.map((name) => join(folder, name, 'hosts.toml')))) {
    const text = machine.read(file)
    if (text === undefined) continue
    try {
      const table = parse(text)
      const { host, server } = table
      const mirrors = Object.entries((host ?? {}) as Readonly<Record<string, object>>)
      if (mirrors.length > 0) return { urls: mirrors.map(([address, mirror]) => apiOf(address, mirror)) }
      // `server = "https://docker.io"` stands in containerd's own examples; Docker Hub's API has another name.
      const isOther = typeof server === 'string' && server !== '' && !/^(https:\/\/)?docker\.io\/?$/.test(server)
      return { urls: [isOther ? apiOf(server, table) : own] }
    } catch (error) {
      return { urls: [], problem: `${file} cannot be used: ${messageOf(error)}` }
    }
  }
  return { urls: [own] }
}

/** The base of the registry's API at an address of hosts.toml, with a slash at the end. */
function apiOf(address: string, table: object): string {
  const url = new URL(/^https?:\/\//.test(address) ? address : `https://${address}`)
  const path = url.pathname.replace(/\/+$/, '')
  const isWhole = path.endsWith('/v2') || ('override_path' in table && table.override_path === true)
  return `${url.origin}${isWhole ? path : `${path}/v2`}/`
}

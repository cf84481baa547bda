import { join } from 'node:path'
import { parse } from 'smol-toml'
import type { Config } from '../../config/config.ts'
import { messageOf } from '../../lib/errors.ts'
import { apiBaseUrl, ownBaseUrl, registryFolderNames } from '../../lib/registry-address.ts'
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
  const own = `${ownBaseUrl(registry, plainHttp)}/`
  const names = registryFolderNames(registry)
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

/** With a slash at the end. */
function apiOf(address: string, table: object): string {
  return `${apiBaseUrl(address, 'override_path' in table && table.override_path === true)}/`
}

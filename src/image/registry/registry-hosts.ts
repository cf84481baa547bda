import { ownBaseUrl } from '../../lib/registry-address.ts'
import type { TlsSettings } from './transport.ts'

/** One place to ask for an image. */
export interface RegistryHost {
  /** Up to and with `/v2`, without a slash at the end: `https://registry-1.docker.io/v2`. */
  readonly baseUrl: string
  /** May be asked what a tag means. A host without this is trusted with nothing: it only serves content by digest. */
  readonly resolves: boolean
  readonly pulls: boolean
  readonly tls: TlsSettings
  readonly headers: Readonly<Record<string, string>>
  /** A mirror: it is told whose images are asked for, by the query `ns`, as containerd does. */
  readonly mirror: boolean
}

/** Decides where the images of a registry are asked for. */
export interface RegistryHosts {
  /** In order; the last is the registry itself, unless the configuration says otherwise. Never empty. */
  hostsOf(registry: string): Promise<readonly RegistryHost[]>
}

/** The registry itself. */
export function originHost(registry: string, plainHttp: readonly string[]): RegistryHost {
  const baseUrl = ownBaseUrl(registry, plainHttp)
  return { baseUrl, resolves: true, pulls: true, tls: {}, headers: {}, mirror: false }
}

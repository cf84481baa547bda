import { readdir, readFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { parse } from 'smol-toml'
import { errnoOf, failedPrecondition, messageOf } from '../../lib/errors.ts'
import { apiBaseUrl, registryFolderNames } from '../../lib/registry-address.ts'
import { originHost, type RegistryHost, type RegistryHosts } from './registry-hosts.ts'
import type { TlsSettings } from './transport.ts'

/**
 * Reads `<folder>/<registry>/hosts.toml` as containerd has it (docs/hosts.md there), anew for each pull, so that a change
 * needs no restart. Without the file, a folder's certificates count as docker has it: `*.crt` are authorities, `*.cert` with
 * its `*.key` shows who asks. The folder may be named `host:port` or `host_port_`; `_default` stands for every other registry.
 */
export class HostsTomlFolders implements RegistryHosts {
  readonly #folders: readonly string[]
  readonly #plainHttp: readonly string[]

  constructor(folders: readonly string[], plainHttp: readonly string[]) {
    this.#folders = folders
    this.#plainHttp = plainHttp
  }

  /** Throws `failed-precondition` when the file that counts is wrong: better no pull than one past the mirror. */
  async hostsOf(registry: string): Promise<readonly RegistryHost[]> {
    const origin = originHost(registry, this.#plainHttp)
    for (const folder of this.#folders) {
      for (const name of registryFolderNames(registry)) {
        const directory = join(folder, name)
        const file = join(directory, 'hosts.toml')
        const text = await readIfThere(file)
        if (text === undefined) {
          const tls = await tlsOfFolder(directory)
          if (tls) return [{ ...origin, tls }]
          continue
        }
        try {
          return await parseHostsToml(text, registry, origin, (path) =>
            readFile(isAbsolute(path) ? path : join(directory, path), 'utf8'),
          )
        } catch (error) {
          throw failedPrecondition(`the registry configuration ${file} cannot be used: ${messageOf(error)}`, error)
        }
      }
    }
    return [origin]
  }
}

/** The certificates in a folder; undefined when it has none. */
async function tlsOfFolder(directory: string): Promise<TlsSettings | undefined> {
  const names = await readdir(directory).catch((error) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return []
    throw failedPrecondition(`the registry configuration ${directory} cannot be read`, error)
  })
  const read = (name: string) => readFile(join(directory, name), 'utf8')
  try {
    const ca = await Promise.all(
      names
        .filter((name) => name.endsWith('.crt'))
        .sort()
        .map(read),
    )
    const certificates = names.filter((name) => name.endsWith('.cert')).sort()
    const clients = await Promise.all(
      certificates.map(async (name) => ({ cert: await read(name), key: await read(name.replace(/cert$/, 'key')) })),
    )
    if (ca.length === 0 && clients.length === 0) return undefined
    return { ...(ca.length > 0 ? { ca } : {}), ...(clients.length > 0 ? { clients } : {}) }
  } catch (error) {
    throw failedPrecondition(`the certificates in ${directory} cannot be read (each .cert needs its .key)`, error)
  }
}

/** The hosts of a hosts.toml, in its order, with the registry itself (or `server`) last. `readPem` reads a named file. */
export async function parseHostsToml(
  text: string,
  registry: string,
  origin: RegistryHost,
  readPem: (path: string) => Promise<string>,
): Promise<readonly RegistryHost[]> {
  const root = parse(text) as Table
  const hosts: RegistryHost[] = []
  for (const [url, table] of Object.entries(tableOf(root.host ?? {}, 'host'))) {
    hosts.push(await hostOf(url, tableOf(table, `host."${url}"`), readPem, true))
  }
  const { server } = root
  if (server === undefined || server === '') {
    const own = await hostOf(origin.baseUrl.replace(/\/v2$/, ''), root, readPem, false)
    return [...hosts, { ...own, baseUrl: origin.baseUrl }]
  }
  if (typeof server !== 'string') throw new Error('"server" is not a text')
  const last = await hostOf(server, root, readPem, false)
  const isOrigin =
    new URL(last.baseUrl).host === new URL(origin.baseUrl).host || new URL(last.baseUrl).host === registry
  // `server = "https://docker.io"` stands in containerd's own examples; Docker Hub's API has another name.
  if (isOrigin && registry === 'docker.io') return [...hosts, { ...last, baseUrl: origin.baseUrl }]
  return [...hosts, { ...last, mirror: !isOrigin }]
}

type Table = { readonly [key: string]: unknown }

async function hostOf(
  address: string,
  table: Table,
  readPem: (path: string) => Promise<string>,
  mirror: boolean,
): Promise<RegistryHost> {
  const capabilities =
    table.capabilities === undefined ? ['pull', 'resolve'] : textsOf(table.capabilities, 'capabilities')
  return {
    baseUrl: apiBaseUrl(address, table.override_path === true),
    resolves: capabilities.includes('resolve'),
    pulls: capabilities.includes('pull'),
    tls: await tlsOf(table, readPem),
    headers: headersOf(table.header),
    mirror,
  }
}

async function tlsOf(table: Table, readPem: (path: string) => Promise<string>): Promise<TlsSettings> {
  const ca = table.ca === undefined ? [] : textsOf(table.ca, 'ca')
  const clients = table.client === undefined ? [] : clientsOf(table.client)
  return {
    ...(ca.length > 0 ? { ca: await Promise.all(ca.map(readPem)) } : {}),
    ...(clients.length > 0
      ? {
          clients: await Promise.all(
            clients.map(async ([cert, key]) => ({ cert: await readPem(cert), key: await readPem(key) })),
          ),
        }
      : {}),
    ...(table.skip_verify === true ? { skipVerify: true } : {}),
  }
}

/** `"both.pem"`, `["a.pem", …]`, or `[["a.cert", "a.key"], …]`. */
function clientsOf(value: unknown): [string, string][] {
  const list = Array.isArray(value) ? value : [value]
  return list.map((item) => {
    if (typeof item === 'string') return [item, item]
    const [cert, key] = textsOf(item, 'client')
    if (cert === undefined) throw new Error('"client" is empty')
    return [cert, key || cert]
  })
}

function headersOf(value: unknown): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, text] of Object.entries(tableOf(value ?? {}, 'header')))
    headers[name] = textsOf(text, `header.${name}`).join(', ')
  return headers
}

function tableOf(value: unknown, name: string): Table {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`"${name}" is not a table`)
  return value as Table
}

function textsOf(value: unknown, name: string): string[] {
  const list = Array.isArray(value) ? value : [value]
  if (!list.every((item) => typeof item === 'string')) throw new Error(`"${name}" is not a text or a list of texts`)
  return list
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw failedPrecondition(`the registry configuration ${file} cannot be read`, error)
  }
}

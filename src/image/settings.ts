import { formatReference, parseReference } from './reference.ts'
import type { RunHelper } from './registry/auth-file.ts'
import { HostsTomlFolders } from './registry/hosts-toml.ts'
import type { RetryPolicy } from './registry/retry.ts'
import type { TransportTimeouts } from './registry/transport.ts'
import type { LayerLimits } from './unpack/layer-writer.ts'

/** What of the room's settings may become another while images are pulled. */
export interface ImageSettings {
  /** References of images that the kubelet's garbage collection is to leave alone. */
  readonly pinned?: readonly string[]
  readonly registry?: RegistryOptions
  /** The path of a `policy.json` (containers-policy.json(5)) that says which images may be pulled; none: all. */
  readonly signaturePolicy?: string
  /** What a layer may unpack to; default 1 TiB and 10 million entries. */
  readonly limits?: LayerLimits
}

export interface RegistryOptions {
  /** Folders with `<host>/hosts.toml`; the first that has the host counts. */
  readonly certsDirs?: readonly string[]
  /** Registries (host or host:port) that are spoken to in plain HTTP; those on this machine always are. */
  readonly plainHttp?: readonly string[]
  readonly timeouts?: TransportTimeouts
  readonly retry?: RetryPolicy
  /** Docker's `config.json`, for pulls that come without credentials. */
  readonly authFile?: string
  /** Runs the credential helpers of that file. */
  readonly runHelper?: RunHelper
}

const defaultCertsDirs = ['/etc/berth/certs.d', '/etc/containerd/certs.d']
const defaultLimits: LayerLimits = { maxBytes: 2 ** 40, maxEntries: 10_000_000 }

/** The settings in force, ready for use. */
export interface Settings {
  readonly pinned: ReadonlySet<string>
  readonly plainHttp: readonly string[]
  readonly hosts: HostsTomlFolders
  readonly authFile: string | undefined
  readonly runHelper: RunHelper | undefined
  readonly signaturePolicy: string | undefined
  readonly limits: LayerLimits
}

/** Throws invalid-argument. */
export function settingsOf({
  pinned = [],
  registry = {},
  signaturePolicy,
  limits = defaultLimits,
}: ImageSettings): Settings {
  const { certsDirs = defaultCertsDirs, plainHttp = [], authFile, runHelper } = registry
  return {
    pinned: new Set(pinned.map((name) => formatReference(parseReference(name)))),
    plainHttp,
    hosts: new HostsTomlFolders(certsDirs, plainHttp),
    authFile,
    runHelper,
    signaturePolicy,
    limits,
  }
}

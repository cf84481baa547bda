import { readFileSync } from 'node:fs'
import { isServed } from '../lib/is-served.ts'
import { CriError } from './cri-error.ts'
import { socketPathOf } from './endpoint.ts'

export interface DiscoverOptions {
  /** Instead of the process's own environment. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Instead of what CRI_CONFIG_FILE names, or `/etc/crictl.yaml`. */
  readonly configFile?: string
  /** Instead of {@link knownEndpoints}. */
  readonly endpoints?: readonly string[]
}

/** Where runtimes serve unless they are told otherwise, in the order in which they are tried. */
export const knownEndpoints: readonly string[] = [
  'unix:///run/berth/berth.sock',
  'unix:///run/containerd/containerd.sock',
  'unix:///run/crio/crio.sock',
  'unix:///var/run/cri-dockerd.sock',
]

/**
 * The endpoint of this machine's runtime, found in crictl's order: the environment variable CONTAINER_RUNTIME_ENDPOINT, then
 * `runtime-endpoint` in crictl's configuration file, then the first known socket on which somebody listens. The first two count
 * as they are; whether somebody serves there shows at the first call.
 *
 * @throws {CriError} UNAVAILABLE when there is none
 */
export async function discoverEndpoint(options: DiscoverOptions = {}): Promise<string> {
  const { env = process.env, endpoints = knownEndpoints } = options
  const named = env.CONTAINER_RUNTIME_ENDPOINT
  if (named) return named
  const configured = runtimeEndpointIn(options.configFile ?? env.CRI_CONFIG_FILE ?? '/etc/crictl.yaml')
  if (configured) return configured
  for (const endpoint of endpoints) if (await isServed(socketPathOf(endpoint))) return endpoint
  const message = `no runtime found: nobody listens on ${endpoints.join(', ')}. Start one, or set CONTAINER_RUNTIME_ENDPOINT`
  throw new CriError('UNAVAILABLE', message, { method: 'discoverEndpoint', endpoint: '' })
}

/** The value of that key, which crictl writes as a plain or quoted scalar on one line. */
function runtimeEndpointIn(path: string): string | undefined {
  try {
    return /^runtime-endpoint:[ \t]*(["']?)([^"'\s#]+)\1/m.exec(readFileSync(path, 'utf8'))?.[2]
  } catch {
    return undefined
  }
}

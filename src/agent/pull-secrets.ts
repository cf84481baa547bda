import type { ConfigLookup } from '../manifest/config-data.ts'
import type { PodManifest } from '../manifest/pod.ts'

/** What Docker Hub is called in credentials. */
const dockerHub = ['docker.io', 'index.docker.io', 'https://index.docker.io/v1/']

/**
 * The credentials for an image in the Secrets that a pod names (kubernetes.io/dockerconfigjson); undefined when none
 * has any.
 */
export function credentialsFor(
  image: string,
  { namespace, pullSecrets }: PodManifest,
  lookup: ConfigLookup,
): { readonly auth: string } | { readonly username: string; readonly password: string } | undefined {
  const [first = '', ...rest] = image.split('/')
  const named = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const hosts = named && !dockerHub.includes(first) ? [first, `https://${first}`] : dockerHub
  for (const secret of pullSecrets) {
    const entries = readAuths(lookup('Secret', namespace, secret)?.get('.dockerconfigjson'))
    const entry = hosts.map((host) => entries[host]).find((found) => found !== undefined)
    if (entry?.auth) return { auth: entry.auth }
    if (entry?.username) return { username: entry.username, password: entry.password ?? '' }
  }
  return undefined
}

type Auths = Readonly<Record<string, { auth?: string; username?: string; password?: string } | undefined>>

function readAuths(json: Uint8Array | undefined): Auths {
  if (json === undefined) return {}
  try {
    return (JSON.parse(Buffer.from(json).toString()) as { auths?: Auths }).auths ?? {}
  } catch {
    return {}
  }
}

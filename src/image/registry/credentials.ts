import { invalidArgument } from '../../lib/errors.ts'
import type { AuthConfig } from '../image.ts'

/** What a registry host is shown, made out of CRI's AuthConfig. */
export type Credentials =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'refresh-token'; readonly token: string }
  | { readonly kind: 'bearer'; readonly token: string }

/**
 * The credentials for a registry host: none when they are for another one. The order of the fields is containerd's
 * (`ParseAuth` in its CRI plugin). Throws `invalid-argument` when `auth` is not base64 of `username:password`.
 */
export function credentialsFor(host: string, auth: AuthConfig | undefined): Credentials {
  if (!auth) return { kind: 'anonymous' }
  if (auth.serverAddress && canonicalHost(auth.serverAddress) !== canonicalHost(host)) return { kind: 'anonymous' }
  if (auth.username) return { kind: 'password', username: auth.username, password: auth.password ?? '' }
  if (auth.identityToken) return { kind: 'refresh-token', token: auth.identityToken }
  if (auth.auth) return decodeAuth(auth.auth)
  if (auth.registryToken) return { kind: 'bearer', token: auth.registryToken }
  return { kind: 'anonymous' }
}

function decodeAuth(auth: string): Credentials {
  const text = Buffer.from(auth, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon <= 0) throw invalidArgument('the pull secret is damaged: its "auth" is not base64 of "username:password"')
  // Some writers fill up with NULs.
  return { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
}

/** The host of a URL or of a bare `host[:port][/path]`; the names of Docker Hub are one. */
function canonicalHost(address: string): string {
  const host = address
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/\/.*$/s, '')
    .toLowerCase()
  return ['docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(host) ? 'docker.io' : host
}

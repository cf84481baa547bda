import { readFile } from 'node:fs/promises'
import * as v from 'valibot'
import { failedPrecondition, messageOf } from '../../lib/errors.ts'
import { formatReference, type ImageReference } from '../reference.ts'

const text = v.pipe(v.string(), v.nonEmpty('must not be empty'))
const texts = v.pipe(v.array(text), v.minLength(1, 'an empty list'))
const identity = v.variant('type', [
  v.strictObject({ type: v.literal('matchExact') }),
  v.strictObject({ type: v.literal('matchRepoDigestOrExact') }),
  v.strictObject({ type: v.literal('matchRepository') }),
  v.strictObject({ type: v.literal('exactReference'), dockerReference: v.string() }),
  v.strictObject({ type: v.literal('exactRepository'), dockerRepository: v.string() }),
  v.strictObject({ type: v.literal('remapIdentity'), prefix: text, signedPrefix: text }),
])
/** What containers/image has and Berth has not: more than not knowing them is to be said of these. */
const elsewhere: Readonly<Record<string, string>> = {
  fulcio: 'certificates of Fulcio',
  pki: 'certificates of a PKI',
  rekorPublicKeyPath: 'a Rekor log',
  rekorPublicKeyPaths: 'a Rekor log',
  rekorPublicKeyData: 'a Rekor log',
  rekorPublicKeyDatas: 'a Rekor log',
}
const keySources = ['keyPath', 'keyPaths', 'keyData', 'keyDatas'] as const
const requirement = v.variant('type', [
  v.strictObject({ type: v.literal('insecureAcceptAnything') }),
  v.strictObject({ type: v.literal('reject') }),
  v.pipe(
    v.strictObject({
      type: v.literal('sigstoreSigned'),
      keyPath: v.optional(text),
      keyPaths: v.optional(texts),
      keyData: v.optional(text),
      keyDatas: v.optional(texts),
      signedIdentity: v.optional(identity, { type: 'matchRepoDigestOrExact' }),
    }),
    v.check(
      (given) => keySources.filter((source) => given[source] !== undefined).length === 1,
      'exactly one of keyPath, keyPaths, keyData and keyDatas must be given',
    ),
  ),
])
const requirements = v.pipe(v.array(requirement), v.minLength(1, 'an empty list of requirements'))
const policy = v.strictObject({
  default: v.unknown(),
  transports: v.optional(v.record(v.string(), v.record(v.string(), v.unknown())), {}),
})

/** What a signature must say of whom it is for (containers-policy.json(5), "signedIdentity"). */
export type SignedIdentity = v.InferOutput<typeof identity>
/** One thing that an image must satisfy. */
export type Requirement = v.InferOutput<typeof requirement>

/**
 * What `policy.json` asks of an image, all of which must hold; read anew each time. Without a file, anything goes. The
 * entry of the transport `docker` with the longest scope counts: the name with its tag or digest, the repository, its
 * parents, the host, `*.` and a parent domain, ''; else `default`. Other transports say nothing of what a registry has. Only
 * the requirements that count must be of a kind that Berth knows. Throws `failed-precondition` when the file cannot be used: better no pull than an unchecked one.
 */
export async function requirementsFor(
  path: string | undefined,
  reference: ImageReference,
): Promise<readonly Requirement[]> {
  if (path === undefined) return [{ type: 'insecureAcceptAnything' }]
  try {
    const parsed = v.parse(policy, JSON.parse(await readFile(path, 'utf8')))
    const docker = new Map(Object.entries(parsed.transports.docker ?? {}))
    const scope = scopesOf(reference).find((name) => docker.has(name))
    return known(scope === undefined ? parsed.default : docker.get(scope))
  } catch (error) {
    throw failedPrecondition(`the signature policy ${path} cannot be used: ${messageOf(error)}`, error)
  }
}

function known(list: unknown): Requirement[] {
  for (const given of Array.isArray(list) ? list : []) {
    if (given?.type === 'signedBy') {
      throw new Error(
        'it asks for "signedBy", a GPG signature, which Berth does not read; use "sigstoreSigned" with a key',
      )
    }
    const foreign = Object.keys(elsewhere).find((key) => given?.type === 'sigstoreSigned' && key in given)
    if (foreign) {
      throw new Error(`it asks for "${foreign}": Berth verifies signatures by key, not by ${elsewhere[foreign]}`)
    }
  }
  return v.parse(requirements, list)
}

/** From the longest to the shortest. */
function scopesOf(reference: ImageReference): string[] {
  const { host, repository } = reference
  const parts = repository.split('/')
  const parents = parts.map((_, at) => `${host}/${parts.slice(0, parts.length - at).join('/')}`)
  const domains = host.replace(/:\d+$/, '').split('.')
  const wildcards = domains.slice(1).map((_, at) => `*.${domains.slice(at + 1).join('.')}`)
  return [formatReference(reference), ...parents, host, ...wildcards, '']
}

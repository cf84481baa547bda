import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import * as v from 'valibot'
import { formatReference, type ImageReference, parseReference } from '../reference.ts'
import type { SignedIdentity } from './policy.ts'

const payload = v.object({
  critical: v.object({
    type: v.literal('cosign container image signature'),
    image: v.object({ 'docker-manifest-digest': v.string() }),
    identity: v.object({ 'docker-reference': v.string() }),
  }),
})

/** Reads a public key in PEM: ECDSA, as cosign makes them, or RSA or Ed25519. Throws when it is none. */
export function parsePublicKey(pem: string | Buffer): KeyObject {
  return createPublicKey({ key: pem, format: 'pem' })
}

/**
 * Checks one signature of cosign (github.com/sigstore/cosign, specs/SIGNATURE_SPEC.md): made by the key, for one of these
 * digests, and for this name. Throws an Error that says which is not so.
 */
export function checkSignature(request: {
  readonly payload: Buffer
  readonly signature: Buffer
  readonly key: KeyObject
  readonly digests: readonly string[]
  readonly reference: ImageReference
  readonly identity: SignedIdentity
}): void {
  const algorithm = request.key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  if (!verify(algorithm, request.payload, request.key, request.signature)) {
    throw new Error('a signature was not made by the key that the policy names')
  }
  const parsed = v.safeParse(payload, parseOf(request.payload))
  if (!parsed.success) throw new Error('a signature is for something that is no image')
  const { image, identity } = parsed.output.critical
  if (!request.digests.includes(image['docker-manifest-digest'])) throw new Error('a signature is for another image')
  const signed = identity['docker-reference']
  if (!isFor(signed, request.reference, request.identity)) {
    throw new Error(`a signature is for the name ${JSON.stringify(signed.slice(0, 200))}`)
  }
}

function parseOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function isFor(signed: string, reference: ImageReference, identity: SignedIdentity): boolean {
  const repository = repositoryOf(signed)
  if (repository === undefined) return false
  switch (identity.type) {
    case 'matchRepository':
      return repository === reference.name
    case 'matchExact':
      return fullName(signed) === formatReference(reference)
    case 'matchRepoDigestOrExact':
      return matchesRepoDigestOrExact(signed, reference)
    case 'remapIdentity': {
      const meant = remapped(reference, identity)
      return meant !== undefined && matchesRepoDigestOrExact(signed, meant)
    }
    case 'exactReference':
      return fullName(signed) !== undefined && fullName(signed) === fullName(identity.dockerReference)
    case 'exactRepository':
      return repository === repositoryOf(identity.dockerRepository)
  }
}

function matchesRepoDigestOrExact(signed: string, reference: ImageReference): boolean {
  if (reference.digest !== undefined) return repositoryOf(signed) === reference.name
  return fullName(signed) === formatReference(reference)
}

/** The name that the image was signed under before it came to a mirror; its own when it is not below `prefix`. */
function remapped(
  reference: ImageReference,
  { prefix, signedPrefix }: { readonly prefix: string; readonly signedPrefix: string },
): ImageReference | undefined {
  const name = formatReference(reference)
  const rest = name.startsWith(prefix) ? name.slice(prefix.length) : undefined
  // Whole parts only; a colon with a slash after it is the port of another host.
  if (rest === undefined || !/^($|[/@]|:[^/]*$)/.test(rest)) return reference
  return read(`${signedPrefix}${rest}`, (meant) => meant)
}

/** Of a name with tag or digest; a bare repository, which cosign writes, is not one with `latest`. */
function fullName(text: string): string | undefined {
  const isBare = !text.includes('@') && !text.slice(text.lastIndexOf('/') + 1).includes(':')
  return isBare ? undefined : read(text, formatReference)
}

function repositoryOf(text: string): string | undefined {
  return read(text, ({ name }) => name)
}

function read<T>(text: string, pick: (reference: ImageReference) => T): T | undefined {
  try {
    return pick(parseReference(text))
  } catch {
    return undefined
  }
}

import { readFile } from 'node:fs/promises'
import { BerthError, messageOf } from '../../lib/errors.ts'
import { signatureRefused } from '../errors.ts'
import { type Descriptor, parseManifest } from '../manifest.ts'
import { formatReference, type ImageReference } from '../reference.ts'
import type { RegistryClient } from '../registry/registry-client.ts'
import type { ResolvedImage } from '../resolve.ts'
import type { Requirement } from './policy.ts'
import { checkSignature, parsePublicKey } from './simple-signing.ts'

const signatureAnnotation = 'dev.cosignproject.cosign/signature'
const payloadType = 'application/vnd.dev.cosign.simplesigning.v1+json'
/** So many signatures of an image are looked at. */
const maxSignatures = 64

interface Signature {
  readonly payload: Buffer
  readonly signature: Buffer
}

/**
 * Sees to it that an image satisfies all requirements. A signature counts when it is for the manifest, or for the index
 * that the name stands for, whose digest covers the manifest. Throws `SignatureValidationFailed`, and the registry's errors.
 */
export async function approve(
  client: RegistryClient,
  reference: ImageReference,
  requirements: readonly Requirement[],
  { topDigest, manifestDigest }: ResolvedImage,
): Promise<void> {
  const image = formatReference(reference)
  const digests = [...new Set([manifestDigest, topDigest])]
  let signatures: Signature[] | undefined
  for (const requirement of requirements) {
    if (requirement.type === 'insecureAcceptAnything') continue
    if (requirement.type === 'reject') throw signatureRefused(image, 'the signature policy rejects it')
    const keys = await keysOf(requirement, image)
    signatures ??= (await Promise.all(digests.map((digest) => signaturesOf(client, digest)))).flat()
    if (signatures.length === 0) throw signatureRefused(image, 'a signature was required, but no signature exists')
    const failures: string[] = []
    const pairs = signatures.flatMap((signature) => keys.map((key) => ({ ...signature, key })))
    const isSigned = pairs.some((pair) => {
      try {
        checkSignature({ ...pair, digests, reference, identity: requirement.signedIdentity })
        return true
      } catch (error) {
        failures.push(messageOf(error))
        return false
      }
    })
    if (!isSigned) throw signatureRefused(image, [...new Set(failures)].slice(0, 5).join('; '))
  }
}

/** The keys of which one suffices. */
async function keysOf(requirement: Extract<Requirement, { type: 'sigstoreSigned' }>, image: string) {
  const { keyPath, keyPaths = [], keyData, keyDatas = [] } = requirement
  const files = keyPath === undefined ? keyPaths : [keyPath]
  const data = keyData === undefined ? keyDatas : [keyData]
  const reading = (name: string, read: () => Promise<Buffer> | Buffer) => keyOf(name, image, read)
  return await Promise.all([
    ...files.map((path) => reading(path, () => readFile(path))),
    ...data.map((text) => reading('in the policy', () => Buffer.from(text, 'base64'))),
  ])
}

async function keyOf(name: string, image: string, read: () => Promise<Buffer> | Buffer) {
  try {
    return parsePublicKey(await read())
  } catch (error) {
    throw signatureRefused(image, `the key ${name} cannot be used (${messageOf(error)})`, error)
  }
}

/** The signatures that lie beside an image, under the tag `sha256-<digest>.sig`. */
async function signaturesOf(client: RegistryClient, digest: string): Promise<Signature[]> {
  let layers: readonly Descriptor[]
  try {
    const { bytes, contentType } = await client.getManifest(`${digest.replace(':', '-')}.sig`)
    const manifest = parseManifest(bytes, contentType)
    layers = manifest.kind === 'manifest' ? manifest.layers : []
  } catch (error) {
    if (error instanceof BerthError && error.code === 'not-found') return []
    throw error
  }
  const signed = layers.filter(
    ({ mediaType, annotations }) => mediaType === payloadType && annotations[signatureAnnotation] !== undefined,
  )
  return await Promise.all(
    signed.slice(0, maxSignatures).map(async (layer) => ({
      payload: await client.getDocument(layer, 'a signature'),
      signature: Buffer.from(layer.annotations[signatureAnnotation] ?? '', 'base64'),
    })),
  )
}

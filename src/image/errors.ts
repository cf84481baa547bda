import { BerthError, operationFailed } from '../lib/errors.ts'

/**
 * The registry cannot be reached or cannot serve at the moment. The kubelet matches the start of the text, which it sees
 * only when the code is `unknown` (kubelet-contract F2).
 */
export const registryUnavailable = (image: string, registry: string, why: string, cause?: unknown) =>
  operationFailed(
    `RegistryUnavailable: failed to pull image "${image}": the registry ${registry} ${why}; check the network and the registry, then pull again`,
    cause,
  )

/** The registry has no such image, or says so to somebody without credentials. */
export const imageNotInRegistry = (image: string, registry: string) =>
  new BerthError(
    'not-found',
    `failed to pull image "${image}": failed to resolve reference "${image}": ${image}: not found in ${registry}; check the name and the tag`,
  )

/** A blob or a manifest that the image names is not there. */
export const contentNotInRegistry = (image: string, registry: string, what: string) =>
  new BerthError(
    'not-found',
    `failed to pull image "${image}": ${what}: not found in ${registry}; the image there is incomplete, push it again`,
  )

/** 401: the registry wants credentials, or other ones. */
export const credentialsRefused = (image: string, registry: string, given: boolean, why: string) =>
  new BerthError(
    'unauthenticated',
    given
      ? `failed to pull image "${image}": ${registry} refuses the credentials (${why}); check the pull secret`
      : `failed to pull image "${image}": pull access denied, the repository does not exist or needs credentials (${registry}: ${why}); give a pull secret`,
  )

/** 403: the credentials are known and do not suffice. */
export const pullForbidden = (image: string, registry: string, why: string) =>
  new BerthError(
    'permission-denied',
    `failed to pull image "${image}": pull access denied by ${registry} (${why}); the account needs the right to pull this repository`,
  )

const mismatch = 'is not what was promised'

/** What came is not what the image's digests promise. */
export const contentMismatch = (image: string, what: string, expected: string, got: string) =>
  operationFailed(
    `failed to pull image "${image}": ${what} ${mismatch}: expected ${expected}, got ${got}; nothing of it was kept`,
  )

/** Whether an error is a {@link contentMismatch}. */
export function isContentMismatch(error: BerthError): boolean {
  return error.code === 'unknown' && error.message.includes(mismatch)
}

/** Whether the next pull can go on where this one stopped: the registry failed, or nobody waited any more. */
export function isResumable(error: unknown): boolean {
  return (
    error instanceof BerthError && (error.code === 'cancelled' || error.message.startsWith('RegistryUnavailable: '))
  )
}

/** The image itself cannot be used, whatever is tried. */
export const unusableImage = (image: string, why: string, cause?: unknown) =>
  new BerthError('failed-precondition', `failed to pull image "${image}": ${why}`, cause)

/** The signature policy does not allow the image. The kubelet matches the start of the text. */
export const signatureRefused = (image: string, why: string, cause?: unknown) =>
  operationFailed(`SignatureValidationFailed: failed to pull image "${image}": source image rejected: ${why}`, cause)

/** The disk of the image store is full. */
export const storeFull = (image: string, root: string, cause?: unknown) =>
  new BerthError(
    'resource-exhausted',
    `failed to pull image "${image}": no space is left on the disk of ${root}; free some, or remove images`,
    cause,
  )

/** Layers of an image that was here have gone from the disk, and could not be fetched again. */
export const layersGone = (image: string, why: string, cause?: unknown) =>
  new BerthError(
    'not-found',
    `layers of image "${image}" have gone from the disk and cannot be fetched again (${why}); pull or load the image again`,
    cause,
  )

/** A container is to run what is no container image. */
export const artifactCannotRun = (image: string, type: string) =>
  new BerthError(
    'failed-precondition',
    `"${image}" is an artifact (${JSON.stringify(type.slice(0, 200))}) and not a container image: no container can run it; mount it as an image volume`,
  )

/** The image is not on this node. */
export const imageNotHere = (image: string) =>
  new BerthError('not-found', `image "${image}" is not on this node; pull it first`)

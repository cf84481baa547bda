import { CriError, type Image, type PodSandboxConfig } from '../client/index.ts'
import { failedPrecondition } from '../lib/errors.ts'
import type { ConfigLookup } from '../manifest/config-data.ts'
import type { ContainerManifest } from '../manifest/container.ts'
import type { PodManifest } from '../manifest/pod.ts'
import { imageIsHere, type PullPolicy } from '../manifest/pull-policy.ts'
import type { Access } from './access.ts'
import { credentialsFor } from './pull-secrets.ts'

/**
 * Sees that the image of a container is there, as its pull policy has it, and gives its id.
 *
 * @throws BerthError failed-precondition when it may not be pulled or must not run as root; CriError when the pull fails
 */
export async function ensureImage(
  access: Access,
  pod: PodManifest,
  container: ContainerManifest,
  sandboxConfig: PodSandboxConfig,
  lookup: ConfigLookup,
): Promise<string> {
  const image = await presentImage(access, pod, container.image, container.pullPolicy, sandboxConfig, lookup)
  if (container.security.runAsNonRoot ?? pod.security.runAsNonRoot) refuseRoot(pod, container, image)
  return image.id
}

/** Sees that an image is there, as a pull policy has it. What it throws is known to {@link isOfImage}. */
export async function presentImage(...wanted: Parameters<typeof seeToImage>): Promise<Image> {
  try {
    return await seeToImage(...wanted)
  } catch (error) {
    if (typeof error === 'object' && error !== null) ofImages.add(error)
    throw error
  }
}

/** Whether this is the error of an image that is not there or could not be pulled, whatever its words. */
export function isOfImage(error: unknown): boolean {
  return typeof error === 'object' && error !== null && ofImages.has(error)
}

const ofImages = new WeakSet<object>()

async function seeToImage(
  access: Access,
  pod: PodManifest,
  name: string,
  policy: PullPolicy,
  sandboxConfig: PodSandboxConfig,
  lookup: ConfigLookup,
): Promise<Image> {
  const { cri, ask, work } = access
  const spec = { image: name, runtimeHandler: pod.runtimeHandler }
  let { image } = await cri.image.imageStatus({ image: spec }, ask)
  if (policy === 'Always' || (policy === 'IfNotPresent' && !image)) {
    access.note(`pulling ${name}`)
    const auth = credentialsFor(name, pod, lookup)
    const isHere = image !== undefined
    const { imageRef } = await cri.image
      .pullImage({ image: spec, sandboxConfig, ...(auth && { auth }) }, work)
      .catch((error: unknown) => {
        throw isHere ? withImageHere(error) : error
      })
    ;({ image } = await cri.image.imageStatus({ image: { ...spec, image: imageRef } }, ask))
  }
  if (!image) throw failedPrecondition(`the image ${name} is not there and its pull policy is ${policy}`)
  return image
}

/** A pull that failed though the image is there: most often it was built here, and its tag makes the policy Always. */
function withImageHere(error: unknown): unknown {
  if (!(error instanceof CriError) || /^(UNAVAILABLE|CANCELLED)$/.test(error.codeName)) return error
  return new CriError(error.codeName, `${error.message}; ${imageIsHere}`, error, error)
}

/** What runAsNonRoot promises: the user is known to be another than 0. */
function refuseRoot(pod: PodManifest, { name, security }: ContainerManifest, image: Image): void {
  const user = security.runAsUser ?? pod.security.runAsUser
  if (user !== undefined && user !== 0) return
  const refuse = (why: string) =>
    failedPrecondition(`container "${name}" has runAsNonRoot, but ${why}; give a runAsUser other than 0`)
  if (user === 0) throw refuse('runAsUser is 0')
  if (image.username !== '') throw refuse(`its image names its user "${image.username}", which may be root`)
  if ((image.uid?.value ?? 0n) === 0n) throw refuse('its image runs as root')
}

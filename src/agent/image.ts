import { failedPrecondition } from '../lib/errors.ts'
import type { Access } from './access.ts'
import type { Image, PodSandboxConfig } from '../client/index.ts'
import type { ContainerManifest } from '../manifest/container.ts'
import type { PodManifest } from '../manifest/pod.ts'

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
): Promise<string> {
  const spec = { image: container.image, runtimeHandler: pod.runtimeHandler }
  let { image } = await access.cri.image.imageStatus({ image: spec }, access.ask)
  if (container.pullPolicy === 'Always' || (container.pullPolicy === 'IfNotPresent' && !image)) {
    access.note(`pulling ${container.image}`)
    const { imageRef } = await access.cri.image.pullImage({ image: spec, sandboxConfig }, access.work)
    ;({ image } = await access.cri.image.imageStatus({ image: { ...spec, image: imageRef } }, access.ask))
  }
  if (!image) {
    throw failedPrecondition(`the image ${container.image} is not there and its pull policy is ${container.pullPolicy}`)
  }
  if (container.security.runAsNonRoot ?? pod.security.runAsNonRoot) refuseRoot(pod, container, image)
  return image.id
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

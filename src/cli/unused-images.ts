import type { Image } from '../client/index.ts'
import type { Cli } from './cli.ts'

/** The images that `berth rmi --prune` removes: those that no container uses, also none that has ended, and that are not pinned. */
export async function unusedImages(cli: Cli): Promise<Image[]> {
  const [{ images }, { containers }] = await Promise.all([
    cli.cri.image.listImages({}, cli.ask),
    cli.cri.runtime.listContainers({}, cli.ask),
  ])
  const used = new Set(containers.flatMap(({ imageId, imageRef, image }) => [imageId, imageRef, image?.image ?? '']))
  const names = ({ id, repoTags, repoDigests }: Image) => [id, ...repoTags, ...repoDigests]
  return images.filter((image) => !image.pinned && !names(image).some((name) => used.has(name)))
}

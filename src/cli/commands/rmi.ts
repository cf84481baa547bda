import type { Command } from 'commander'
import type { Image } from '../../client/index.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { resolveImage } from '../resolve.ts'

export function addRemoveImage(program: Command, cli: Cli): void {
  program
    .command('rmi [image...]')
    .description('remove images, each with all its names')
    .option('-a, --all', 'remove all images')
    .option('-q, --prune', 'remove the images that no container uses and that are not pinned')
    .action(async (queries: string[], options: { all?: true; prune?: true }) => {
      if (!options.all && !options.prune) {
        if (queries.length === 0) throw invalidArgument('name the images to remove, or give --all or --prune')
        return forEach(cli, queries, async (query) => remove(await resolveImage(cli, query), query))
      }
      const { images } = await cli.cri.image.listImages({}, cli.ask)
      const removable = options.all ? images : await unused(images)
      await forEach(
        cli,
        removable.map(({ id }) => id),
        (id) => remove(id, id),
      )
    })

  async function remove(id: string, name: string) {
    await cli.cri.image.removeImage({ image: { image: id } }, cli.work)
    cli.print(`Deleted: ${name}`)
  }

  async function unused(images: readonly Image[]) {
    const { containers } = await cli.cri.runtime.listContainers({}, cli.ask)
    const used = new Set(containers.flatMap(({ imageId, imageRef, image }) => [imageId, imageRef, image?.image ?? '']))
    const names = ({ id, repoTags, repoDigests }: Image) => [id, ...repoTags, ...repoDigests]
    return images.filter((image) => !image.pinned && !names(image).some((name) => used.has(name)))
  }
}

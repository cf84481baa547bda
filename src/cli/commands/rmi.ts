import type { Command } from 'commander'
import { invalidArgument } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { resolveImage } from '../resolve.ts'
import { unusedImages } from '../unused-images.ts'

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
      const removable = options.all ? (await cli.cri.image.listImages({}, cli.ask)).images : await unusedImages(cli)
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
}

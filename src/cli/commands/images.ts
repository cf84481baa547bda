import type { Command } from 'commander'
import { type Image, ListImagesResponseSchema } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { formatData, messageJson } from '../format/json.ts'
import { describeSize } from '../format/size.ts'
import { outputOption } from '../options.ts'

interface Options {
  readonly verbose?: true
  readonly quiet?: true
  readonly digests?: true
  readonly pinned?: true
  readonly trunc: boolean
  readonly output: string
}

export function addImages(program: Command, cli: Cli): void {
  program
    .command('images [name]')
    .aliases(['image', 'img'])
    .description('list images, or the one of that name')
    .option('-v, --verbose', 'show each image with all its names')
    .option('-q, --quiet', 'show ids only')
    .option('--digests', 'show digests')
    .option('--pinned', 'show whether an image is pinned')
    .option('--no-trunc', 'show whole ids')
    .addOption(outputOption('table', 'json', 'yaml', 'wide', 'name'))
    .action(async (name: string | undefined, options: Options) => {
      const answer = await cli.cri.image.listImages(name ? { filter: { image: { image: name } } } : {}, cli.ask)
      const images = answer.images.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
      if (options.quiet) return images.forEach(({ id }) => cli.print(id))
      if (options.verbose) return images.forEach((image) => cli.print(describe(image)))
      if (options.output === 'name') return images.forEach((image) => cli.print(nameOf(image) || image.id))
      const isTable = options.output === 'table' || options.output === 'wide'
      if (!isTable) {
        const data = messageJson(ListImagesResponseSchema, { ...answer, images })
        return void cli.terminal.stdout.write(formatData(data, options.output))
      }
      const wide = options.output === 'wide' ? ({ digests: true, pinned: true } as const) : {}
      cli.printTable(tableOf(images, { ...options, ...wide }), { whole: !options.trunc })
    })
}

const nameOf = ({ repoTags, repoDigests }: Image) => repoTags[0] ?? repoDigests[0] ?? ''

function tableOf(images: readonly Image[], options: Options): string[][] {
  const short = (digest: string) => (options.trunc ? digest.replace(/^sha256:/, '').slice(0, 13) : digest)
  const columns = (digest: string, id: string, size: string, pinned: string) => [
    ...(options.digests ? [digest] : []),
    id,
    size,
    ...(options.pinned ? [pinned] : []),
  ]
  const rows = images.flatMap((image) => {
    const [repository = '<none>', digest = '<none>'] = image.repoDigests[0]?.split('@') ?? []
    const rest = columns(short(digest), short(image.id), describeSize(image.size), String(image.pinned))
    const tags = image.repoTags.map(splitTag)
    return (tags.length > 0 ? tags : [[repository, '<none>']]).map((name) => [...name, ...rest])
  })
  return [['IMAGE', 'TAG', ...columns('DIGEST', 'IMAGE ID', 'SIZE', 'PINNED')], ...rows]
}

/** The tag is after the last colon; one before a slash belongs to the registry's port. */
function splitTag(reference: string): [string, string] {
  const at = reference.lastIndexOf(':')
  return at > reference.lastIndexOf('/') ? [reference.slice(0, at), reference.slice(at + 1)] : [reference, '<none>']
}

function describe(image: Image): string {
  return [
    `ID: ${image.id}`,
    ...image.repoTags.map((tag) => `RepoTags: ${tag}`),
    ...image.repoDigests.map((digest) => `RepoDigests: ${digest}`),
    `Size: ${image.size}`,
    ...(image.uid ? [`Uid: ${image.uid.value}`] : []),
    ...(image.username ? [`Username: ${image.username}`] : []),
    ...(image.pinned ? ['Pinned: true'] : []),
    '',
  ].join('\n')
}

import type { Command } from 'commander'
import { type FilesystemUsage, ImageFsInfoResponseSchema } from '../../client/index.ts'
import type { Cli } from '../cli.ts'
import { formatData, messageJson } from '../format/json.ts'
import { describeSize } from '../format/size.ts'
import { formatTable } from '../format/table.ts'
import { outputOption } from '../options.ts'

export function addImageFsInfo(program: Command, cli: Cli): void {
  program
    .command('imagefsinfo')
    .description('show the disk use of images and of the writable layers of containers')
    .addOption(outputOption('json', 'yaml', 'table'))
    .action(async ({ output }: { output: string }) => {
      const answer = await cli.cri.image.imageFsInfo({}, cli.ask)
      if (output !== 'table') {
        const data = { status: messageJson(ImageFsInfoResponseSchema, answer) }
        return void cli.terminal.stdout.write(formatData(data, output))
      }
      const rows = [
        ['FILE SYSTEM OF', 'MOUNTPOINT', 'USED', 'INODES'],
        ...answer.imageFilesystems.map((usage) => ['images', ...cells(usage)]),
        ...answer.containerFilesystems.map((usage) => ['containers', ...cells(usage)]),
      ]
      cli.terminal.stdout.write(formatTable(rows))
    })
}

const cells = ({ fsId, usedBytes, inodesUsed }: FilesystemUsage) => [
  fsId?.mountpoint ?? '',
  describeSize(usedBytes?.value ?? 0n),
  String(inodesUsed?.value ?? 0n),
]

import type { Command } from 'commander'
import { callAdmin } from '../admin.ts'
import type { Cli } from '../cli.ts'
import { type Finding, findingTable } from '../findings.ts'
import { formatData } from '../format/json.ts'
import { describeSize } from '../format/size.ts'
import { formatTable } from '../format/table.ts'
import { outputOption } from '../options.ts'
import { unusedImages } from '../unused-images.ts'

interface Item {
  readonly kind: string
  readonly path: string
  readonly bytes: number
  readonly owners: readonly string[]
  readonly unused: boolean
}

export function addGc(program: Command, cli: Cli): void {
  program
    .command('gc')
    .description('put the machine in order: sweep what has no owner, repair what can be; images stay (Berth only)')
    .option('--dry-run', 'only show what is not in order, what would be deleted, and for whom the rest takes space')
    .addOption(outputOption('table', 'json', 'yaml'))
    .action(async ({ dryRun, output }: { dryRun?: true; output: string }) => {
      const { signal } = cli.terminal
      const method = dryRun ? 'GET' : 'POST'
      const answer = await callAdmin(cli.adminSocket, { method, path: '/v1/gc', signal })
      const { items, findings } = answer as { items: Item[]; findings: Finding[] }
      if (output !== 'table')
        return void cli.terminal.stdout.write(
          formatData(
            {
              items: items.map((item) => ({ ...item, owners: [...item.owners] })),
              findings: findings.map((finding) => ({ ...finding })),
            },
            output,
          ),
        )
      if (findings.length > 0) cli.terminal.stdout.write(`${findingTable(findings, !dryRun)}\n`)
      if (items.length > 0) cli.terminal.stdout.write(`${itemTable(items, dryRun === true)}\n`)
      if (findings.length === 0 && !items.some(({ unused }) => unused)) cli.print('All is in order: nothing to delete.')
      const unused = await unusedImages(cli)
      if (unused.length === 0) return
      const size = unused.reduce((sum, image) => sum + Number(image.size), 0)
      cli.print(
        `${unused.length === 1 ? 'One image that no container uses stays' : `${unused.length} images that no container uses stay`}, ` +
          `${describeSize(size)} in all: berth rmi --prune removes what no container uses.`,
      )
    })
}

function itemTable(items: readonly Item[], dryRun: boolean): string {
  const rows = items.map(({ kind, path, bytes, owners, unused }) => {
    const fate = unused ? (dryRun ? 'would be deleted' : 'deleted') : 'stays'
    return [kind, path, describeSize(bytes), fate, unused ? '(nobody)' : owners.join(', ')]
  })
  return formatTable([['KIND', 'PATH', 'SIZE', 'GC', 'NEEDED BY'], ...rows])
}

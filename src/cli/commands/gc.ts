import type { Command } from 'commander'
import { callAdmin } from '../admin.ts'
import type { Cli } from '../cli.ts'
import { formatData } from '../format/json.ts'
import { describeSize } from '../format/size.ts'
import { formatTable } from '../format/table.ts'
import { outputOption } from '../options.ts'

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
    .description('delete what nobody needs from the image store (Berth only)')
    .option('--dry-run', 'only show what takes space, and for whom')
    .addOption(outputOption('table', 'json', 'yaml'))
    .action(async ({ dryRun, output }: { dryRun?: true; output: string }) => {
      const { signal } = cli.terminal
      const method = dryRun ? 'GET' : 'POST'
      const { items } = (await callAdmin(cli.adminSocket, { method, path: '/v1/gc', signal })) as { items: Item[] }
      if (output !== 'table')
        return void cli.terminal.stdout.write(
          formatData({ items: items.map((item) => ({ ...item, owners: [...item.owners] })) }, output),
        )
      const rows = items.map(({ kind, path, bytes, owners, unused }) => [
        kind,
        path,
        describeSize(bytes),
        unused ? (dryRun ? '(nobody: would be deleted)' : '(nobody: deleted)') : owners.join(', '),
      ])
      cli.terminal.stdout.write(formatTable([['KIND', 'PATH', 'SIZE', 'OWNER'], ...rows]))
    })
}

import type { Command } from 'commander'
import { callAdmin } from '../admin.ts'
import type { Cli } from '../cli.ts'
import { type Finding, findingTable } from '../findings.ts'
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
    .description('put the machine in order: sweep what nobody needs, repair what can be (Berth only)')
    .option('--dry-run', 'only show what is not in order, and what takes space for whom')
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
      const rows = items.map(({ kind, path, bytes, owners, unused }) => [
        kind,
        path,
        describeSize(bytes),
        unused ? (dryRun ? '(nobody: would be deleted)' : '(nobody: deleted)') : owners.join(', '),
      ])
      if (findings.length + rows.length === 0) return cli.print('All is in order, and no image takes space.')
      if (findings.length > 0) cli.terminal.stdout.write(`${findingTable(findings, !dryRun)}\n`)
      cli.terminal.stdout.write(formatTable([['KIND', 'PATH', 'SIZE', 'OWNER'], ...rows]))
    })
}

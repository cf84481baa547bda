import type { Command } from 'commander'
import { callAdmin } from '../admin.ts'
import type { Cli } from '../cli.ts'
import { type Finding, findingTable } from '../findings.ts'
import { formatData } from '../format/json.ts'
import { outputOption } from '../options.ts'

export function addCheck(program: Command, cli: Cli): void {
  program
    .command('check')
    .description('show what is not in order, on the machine and in the records (Berth only)')
    .addOption(outputOption('table', 'json', 'yaml'))
    .addHelpText(
      'after',
      '\nThe exit code is 0 when all is in order, and 1 when something is not. Nothing is changed: see berth gc.',
    )
    .action(async ({ output }: { output: string }) => {
      const { signal } = cli.terminal
      const answer = await callAdmin(cli.adminSocket, { method: 'GET', path: '/v1/check', signal })
      const { findings } = answer as { findings: Finding[] }
      if (findings.length > 0) cli.exitCode = 1
      if (output !== 'table')
        return void cli.terminal.stdout.write(
          formatData({ findings: findings.map((finding) => ({ ...finding })) }, output),
        )
      cli.terminal.stdout.write(findings.length === 0 ? 'All is in order.\n' : findingTable(findings))
    })
}

import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { resolveContainer } from '../resolve.ts'

export function addStart(program: Command, cli: Cli): void {
  program
    .command('start <container...>')
    .description('start created containers')
    .action((queries: string[]) =>
      forEach(cli, queries, async (query) => {
        const containerId = await resolveContainer(cli, query)
        await cli.cri.runtime.startContainer({ containerId }, cli.work)
        cli.print(containerId)
      }),
    )
}

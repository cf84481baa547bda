import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { resolvePod } from '../resolve.ts'

export function addStopPod(program: Command, cli: Cli): void {
  program
    .command('stopp <pod...>')
    .description('stop pods and all that runs in them')
    .action((queries: string[]) =>
      forEach(cli, queries, async (query) => {
        const podSandboxId = await resolvePod(cli, query)
        await cli.cri.runtime.stopPodSandbox({ podSandboxId }, cli.work)
        cli.print(`Stopped sandbox ${podSandboxId}`)
      }),
    )
}

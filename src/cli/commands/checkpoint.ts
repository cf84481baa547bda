import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { wholeNumber } from '../options.ts'
import { resolveContainer } from '../resolve.ts'

export function addCheckpoint(program: Command, cli: Cli): void {
  program
    .command('checkpoint <container>')
    .description('write the state of a running container to an archive (where CRIU is installed)')
    .requiredOption('-e, --export <file>', 'the archive')
    .option('--timeout <seconds>', 'give up after so many seconds', wholeNumber, 0)
    .action(async (query: string, options: { export: string; timeout: number }) => {
      const containerId = await resolveContainer(cli, query)
      const location = resolve(options.export)
      const timeout = BigInt(options.timeout)
      await cli.cri.runtime.checkpointContainer({ containerId, location, timeout }, cli.work)
      cli.print(containerId)
    })
}

import type { Command } from 'commander'
import { ContainerState } from '../../client/index.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { wholeNumber } from '../options.ts'
import { resolveContainer } from '../resolve.ts'

interface Options {
  readonly all?: true
  readonly timeout: number
}

export function addStop(program: Command, cli: Cli): void {
  program
    .command('stop [container...]')
    .description('stop running containers')
    .option('-t, --timeout <seconds>', 'seconds between the stop signal and the kill', wholeNumber, 0)
    .option('-a, --all', 'stop all running containers')
    .action(async (queries: string[], { all, timeout }: Options) => {
      if (queries.length === 0 && !all) throw invalidArgument('name the containers to stop, or give --all')
      await forEach(cli, all ? await runningContainers() : queries, async (query) => {
        const containerId = await resolveContainer(cli, query)
        await cli.cri.runtime.stopContainer({ containerId, timeout: BigInt(timeout) }, cli.work)
        cli.print(containerId)
      })
    })

  async function runningContainers(): Promise<string[]> {
    const filter = { state: { state: ContainerState.CONTAINER_RUNNING } }
    const { containers } = await cli.cri.runtime.listContainers({ filter }, cli.ask)
    return containers.map(({ id }) => id)
  }
}

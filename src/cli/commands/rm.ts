import type { Command } from 'commander'
import { ContainerState } from '../../client/index.ts'
import { failedPrecondition, invalidArgument } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { forEach } from '../for-each.ts'
import { resolveContainer } from '../resolve.ts'

interface Options {
  readonly all?: true
  readonly force?: true
}

export function addRemove(program: Command, cli: Cli): void {
  program
    .command('rm [container...]')
    .description('remove containers; logs stay')
    .option('-a, --all', 'remove all containers')
    .option('-f, --force', 'kill those that still run')
    .option('-k, --keep-logs', 'keep the log files (what happens anyway)')
    .action(async (queries: string[], { all, force }: Options) => {
      if (queries.length === 0 && !all) throw invalidArgument('name the containers to remove, or give --all')
      const { containers } = await cli.cri.runtime.listContainers({}, cli.ask)
      await forEach(cli, all ? containers.map(({ id }) => id) : queries, async (query) => {
        const containerId = await resolveContainer(cli, query)
        const state = containers.find(({ id }) => id === containerId)?.state
        if (state === ContainerState.CONTAINER_RUNNING) {
          if (!force) {
            throw failedPrecondition(`container "${query}" is running: stop it with berth stop, or give --force`)
          }
          await cli.cri.runtime.stopContainer({ containerId, timeout: 0n }, cli.work)
        }
        await cli.cri.runtime.removeContainer({ containerId }, cli.work)
        cli.print(containerId)
      })
    })
}

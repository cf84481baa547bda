import type { Command } from 'commander'
import type { Cli } from '../cli.ts'

export function addVersion(program: Command, cli: Cli): void {
  program
    .command('version')
    .description('show the name and version of the runtime')
    .action(async () => {
      const { version, runtimeName, runtimeVersion, runtimeApiVersion } = await cli.cri.runtime.version({}, cli.ask)
      cli.print(`Version:  ${version}`)
      cli.print(`RuntimeName:  ${runtimeName}`)
      cli.print(`RuntimeVersion:  ${runtimeVersion}`)
      cli.print(`RuntimeApiVersion:  ${runtimeApiVersion}`)
    })
}
